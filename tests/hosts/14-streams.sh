#!/bin/bash
# tests/hosts/14-streams.sh - two hosts: a hundred connections at once, a terminal, lines, large files of the other one's pod, and all that when both are very slow.
#
# Long: what is slow takes long.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2)
# So much of a CPU for all of a host: as many others would leave to it.
slow_down() { # HOST PERCENT
  echo $(($2 * 1000)) >"/sys/fs/cgroup/cpu/$(<"$hosts/$1/cgroup")/cpu.cfs_quota_us"
}
at_full_speed() { echo -1 >"/sys/fs/cgroup/cpu/$(<"$hosts/$1/cgroup")/cpu.cfs_quota_us"; } # HOST
# Asks ship-1's port 8080 so often at once, and prints how many answers came. The asking is no load of the host.
asked_at_once() { # TIMES
  # shellcheck disable=SC2016
  nsenter -t "${first_pid[ship-1]}" -n bash -c '
    for ((i = 0; i < $1; i++)); do curl -s -m 60 http://127.0.0.1:8080/ & done
    wait' _ "$1" | grep -cx moored || true
}

step "two hosts with certificates, a pod on ship-2"
make_certified_hosts "${all[@]}"
berth ship-1 apply -f - >/dev/null <<'END'
apiVersion: v1
kind: Pod
metadata: {name: there, labels: {app: there}}
spec:
  nodeName: ship-2
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: "busybox:1.35"
      stdin: true
      command: [sh, -c, 'mkdir /www; echo moored >/www/index.html; httpd -p 80 -h /www; while read -r line; do echo "heard $line"; seq 3000; done']
END
wait_for 30 "the pod, by ship-1" is 1 ready_pods ship-1 app=there

step "port-forward: a hundred connections at once"
on ship-1 timeout 110 "$bin/berth" --socket /run/berth/berthd.sock port-forward there 8080:80 >"$output/forward.log" 2>&1 &
forward=$!
forwarded() { is moored on ship-1 curl -s -m 2 http://127.0.0.1:8080/; }
wait_for 10 "the first" forwarded
answers=$(asked_at_once 100)
[ "$answers" = 100 ] || { sed "/^Handling/d" "$output/forward.log" | sort | uniq -c | sort -rn | head -5; cat "$output"/ship-*-berthd.log; }
expect "answers" "$answers" 100
for name in "${all[@]}"; do slow_down "$name" 15; done
expect "answers of two very slow hosts" "$(asked_at_once 100)" 100
for name in "${all[@]}"; do at_full_speed "$name"; done
expect "what went wrong" "$(grep -c '^error' "$output/forward.log" || true)" 0
kill "$forward" 2>/dev/null || true

step "a terminal, lines as they come, a large file there and back, what it uses"
# The size of a terminal comes behind the start of what runs on it, as with every kubectl.
terminal=$(on ship-1 timeout 20 script -qec "stty cols 91 rows 17; $bin/berth --socket /run/berth/berthd.sock exec -ti there -- sh -c 'tty; until stty size 2>/dev/null | grep .; do :; done; exit 5'; echo code=\$?" /dev/null </dev/null | tr -d '\r' | paste -sd' ')
expect_match "exec -ti: a terminal of its size, and the exit code" "$terminal" '^/dev/(pts/[0-9]+|console) .*17 91 .*code=5$'
on ship-1 timeout 60 "$bin/berth" --socket /run/berth/berthd.sock logs -f there >"$output/follow.log" 2>&1 &
follow=$!
expect_match "attach: it hears, and is heard" "$({ echo ahoy; sleep 3; } | on ship-1 timeout 5 "$bin/berth" --socket /run/berth/berthd.sock attach -i there 2>/dev/null || true)" "heard ahoy"
all_lines() { is "heard ahoy $(seq 3000 | sha256sum)" eval 'echo "$(grep heard "$output/follow.log") $(grep -v heard "$output/follow.log" | sha256sum)"'; }
wait_for 10 "logs -f has every line" all_lines
kill "$follow" 2>/dev/null || true
head -c 50000000 /dev/urandom >"$BERTH_TEST_DIR/cargo"
sum=$(sha256sum <"$BERTH_TEST_DIR/cargo")
BERTH_CALL_SECONDS=60 berth ship-1 cp "$BERTH_TEST_DIR/cargo" there:/cargo >/dev/null
expect "cp there, fifty megabytes" "$(berth ship-1 exec there -- sh -c 'sha256sum </cargo')" "$sum"
BERTH_CALL_SECONDS=60 berth ship-1 cp there:/cargo "$BERTH_TEST_DIR/back" >/dev/null
expect "cp back" "$(sha256sum <"$BERTH_TEST_DIR/back")" "$sum"
measured() { berth ship-1 top pods --no-headers | grep -qE '^there +[0-9]+m +[0-9]+Mi'; }
wait_for 30 "top pods" measured

step "a host that ends in the middle: who waits hears of it"
on ship-1 timeout 60 "$bin/berth" --socket /run/berth/berthd.sock exec there -- sleep 1000 >"$output/exec.log" 2>&1 &
waiting=$!
runs() { on ship-2 pgrep -fx 'sleep 1000'; }
wait_for 10 "a command runs there" runs
kill_agent ship-2
ended() { ! kill -0 "$waiting" 2>/dev/null; }
wait_for 10 "exec ends" ended
wait "$waiting" && fail "exec of a host that is gone has succeeded" || expect_match "with an error" "$?" '^[1-9]'
