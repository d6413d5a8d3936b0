#!/bin/bash
# tests/e2e/42-log-shippers.sh - rsyslog follows /var/log/containers, as shippers do: each line once, whoever is killed and whatever is rotated.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
pods=/var/log/pods
links=/var/log/containers
shipped=$BERTH_TEST_DIR/shipped
shipper_pid=
talker() { # NAME SCRIPT [RESTART_POLICY]
  printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  restartPolicy: %s\n  terminationGracePeriodSeconds: 1\n  containers:\n  - name: main\n    image: busybox:1.35\n    command: [sh, -c]\n    args:\n    - |\n' "$1" "${3:-Never}"
  sed 's/^/      /' <<<"$2"
}
succeeded() { [ "$(pod "$1" .status.phase)" = Succeeded ]; }
# A host's own rsyslog, with one input; what it has read of each pod is in a file.
start_shipper() {
  mkdir -p "$shipped" "$BERTH_TEST_DIR/rsyslog"
  cat >"$BERTH_TEST_DIR/rsyslog.conf" <<END
global(workDirectory="$BERTH_TEST_DIR/rsyslog" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")
module(load="imfile" mode="inotify")
input(type="imfile" file="$links/*.log" tag="k8s:" addMetadata="on" ruleset="out")
template(name="line" type="string" string="%\$!metadata!filename% %msg%\n")
ruleset(name="out") { action(type="omfile" file="$shipped/all" template="line") }
END
  rsyslogd -n -f "$BERTH_TEST_DIR/rsyslog.conf" -i "$BERTH_TEST_DIR/rsyslog.pid" >>"$output/rsyslog.log" 2>&1 </dev/null &
  shipper_pid=$!
}
stop_shipper() { # [SIGNAL]
  kill "-${1:-TERM}" "$shipper_pid"
  wait "$shipper_pid" 2>/dev/null || true
}
# What was shipped of a pod: "stdout F text" each.
of_pod() { grep -E "^[^ ]*/$1(_default_|-)[^ ]* |^[^ ]*default_$1_[^ ]* " "$shipped/all" 2>/dev/null | sed -E 's/^[^ ]+ [^ ]+ //' || true; }
has() { [ "$(of_pod "$1" | grep -c "$2")" = "$3" ]; }
uid_folder() { printf '%s/default_%s_%s' "$pods" "$1" "$(pod_uid "$1")"; }

step "a shipper that was there first, 60 MB in lines of 1 KB, and everybody is killed"
mount -t tmpfs -o size=200m,mode=755 tmpfs /var/log # small enough to be filled
mkdir -p "$links"
start_shipper
start_agent
# At about 6 MB/s, 10 MiB are a file: six rotations.
# shellcheck disable=SC2016
talker flood 'pad=$(head -c 1000 /dev/zero | tr "\0" x); i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); echo "line $i $pad"; [ $((i % 600)) != 0 ] || usleep 60000; done; echo "last words" >&2' |
  put_manifest flood.yaml
wait_for 20 "it runs" is_running flood
folder=$(uid_folder flood)
for round in 1 2 3 4 5; do
  sleep 1.1 # an arbitrary moment
  stop_logd KILL
  [ $round != 3 ] || stop_agent KILL
  start_logd
  [ $round != 3 ] || start_agent
done
wait_for 120 "it has ended" succeeded flood
wait_for 20 "its last line was shipped" has flood "^stderr F last words$" 1
expect "each line, once, in order" "$(of_pod flood | grep '^stdout F line ' | awk '$4 != NR { print "line " NR " is " $4; exit } length($5) != 1000 { print "torn: " NR; exit } END { print NR }')" 60000
expect "nothing else" "$(of_pod flood | grep -cv '^stdout F line ')" 1
rotated=("$folder"/main/0.log.*)
expect "rotated files that are kept" "${#rotated[@]}" 2
expect_match "as the kubelet names them" "${rotated[0]##*/}" '^0\.log\.20[0-9]{6}-[0-9]{6}(\.[0-9]{3})?$'
expect "berth logs reads them, too" "$(berth logs flood --tail 15000 | head -n 1 | cut -c 1-10)" "line 45002"

step "names and modes"
link=("$links"/flood_default_main-*.log)
expect_match "the link" "${link[0]##*/}" '^flood_default_main-[0-9a-f]{64}\.log$'
expect "leads to" "$(readlink "${link[0]}")" "$folder/main/0.log"
expect "the folder" "$(stat -c '%a %U %G' "$folder")" "750 root root"
expect "the file" "$(stat -c '%a %U %G' "$folder/main/0.log")" "640 root root"

step "a line of 100 KB comes in parts, odd bytes as they are"
talker odd 'head -c 100000 /dev/zero | tr "\0" y; echo; printf "tab\there\n"; printf "no newline"' | put_manifest odd.yaml
wait_for 20 "it has ended" succeeded odd
wait_for 10 "its end was shipped" has odd "^stdout P no newline$" 1
expect "parts" "$(of_pod odd | grep -c '^stdout P yyy')" 6
expect "all of it" "$(of_pod odd | tr -cd y | wc -c)" 100000
expect "a tab" "$(of_pod odd | grep -c "$(printf 'tab\there')")" 1

step "each run has its file"
talker phoenix 'echo "run of $(cat /proc/uptime)"; sleep 0.2; exit 1' OnFailure | put_manifest phoenix.yaml
third() { [ "$(restarts phoenix)" -ge 2 ]; }
wait_for 60 "it was restarted twice" third
wait_for 10 "three runs were shipped" has phoenix "^stdout F run of" 3
two_links() { [ "$(find "$links" -name 'phoenix_*' | wc -l)" = 2 ]; }
wait_for 10 "the newest two have links" two_links
expect "that lead somewhere" "$(find "$links" -xtype l | wc -l)" 0

step "a shipper that was away finds what it has not read"
# shellcheck disable=SC2016
talker steady 'i=0; while [ $i -lt 100 ]; do i=$((i + 1)); echo "line $i"; usleep 50000; done' | put_manifest steady.yaml
wait_for 20 "it runs" is_running steady
stop_shipper TERM
wait_for 20 "it has ended" succeeded steady
start_shipper
wait_for 20 "all was shipped" has steady "^stdout F line" 100
expect "in order, each once" "$(of_pod steady | awk '$4 != NR { print "line " NR " is " $4; exit }')" ""

step "a pod that is deleted takes its files along, one that has ended does not"
gone=$(uid_folder steady)
rm "$manifests/steady.yaml"
wait_for 20 "the pod is gone" is_gone pod steady
told() { grep -qx gone "$gone/.berth"; }
wait_for 5 "the collector is told" told
find "$gone" -type f -exec touch -d '2 minutes ago' {} + # who follows it has a minute
removed() { [ ! -e "$gone" ] && [ -z "$(find "$links" -name 'steady_*')" ]; }
wait_for 75 "its files and links are removed" removed
[ -e "$folder/main/0.log" ] || fail "the files of a pod that has ended are gone"

step "a folder of another agent's, or of a kubelet's, stays"
mkdir -p "$pods/kube-system_other_1234/main"
touch -d '30 days ago' "$pods/kube-system_other_1234/main/0.log"

step "beside the journal: files for which there is no room make nobody wait"
# A journald that throws everything away.
mkdir -p /run/systemd/journal
python3 -c '
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/run/systemd/journal/socket")
while True:
    s.recv(1 << 20)
' &
journald=$!
bound() { [ -S /run/systemd/journal/socket ]; }
wait_for 5 "a journal listens" bound
stop_logd
start_logd
# shellcheck disable=SC2016
talker both 'i=0; while [ $i -lt 6000 ]; do i=$((i + 1)); echo "line $i"; [ $((i % 100)) != 0 ] || usleep 300000; done' | put_manifest both.yaml
wait_for 20 "it runs" is_running both
some() { [ "$(of_pod both | grep -c '^stdout F line')" -ge 100 ]; }
wait_for 10 "its lines are shipped" some
cat /dev/zero >/var/log/filler 2>/dev/null || true
told_status() { grep -qE '^ *\(warning\) log +[^ ]+ +log files +log shippers miss lines, which the journal has: .*No space left on device' < <(berth status); }
wait_for 15 "berth status says so" told_status
missed() { curl -s --unix-socket "$socket" http://localhost/metrics | grep -qE '^berth_log_files_missed_lines_total [1-9]'; }
wait_for 15 "a metric counts" missed
expect "once in the journal" "$(grep -c 'log files for shippers are not complete' "$output/berth-logd.log")" 1
rm /var/log/filler
well() { ! told_status && grep -q 'log files for shippers are complete again' "$output/berth-logd.log"; }
wait_for 15 "with room it is well again" well
wait_for 20 "it has ended: it waited for nobody" succeeded both
said() { of_pod both | grep -q '^stderr F berth: [0-9]* lines of this container are missing here: .*No space left on device'; }
wait_for 10 "the file says what is missing" said
lost=$(of_pod both | sed -nE 's/^stderr F berth: ([0-9]+) lines.*/\1/p' | awk '{ sum += $1 } END { print sum }')
complete() { [ $(($(of_pod both | grep -c '^stdout F line') + lost)) = 6000 ]; }
wait_for 10 "and that is the truth: $lost" complete
kill "$journald"

step "none wanted, none made"
rm /run/systemd/journal/socket
stop_agent
write_config 'logs: {directory: ""}'
start_agent
talker plain 'echo plain' | put_manifest plain.yaml
wait_for 20 "it has ended" succeeded plain
logged() { [ "$(berth logs plain)" = plain ]; }
wait_for 10 "berth has its log" logged
[ -e "$state/logs/default_plain_$(pod_uid plain)/main/0.log" ] || fail "not where it was before"
expect "files for shippers" "$(find "$pods" -name '*plain*' | wc -l)" 0
[ -e "$pods/kube-system_other_1234/main/0.log" ] || fail "another's folder was removed"
stop_shipper TERM
