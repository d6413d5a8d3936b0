#!/usr/bin/python3
# tests/ui/dashboard.py - what a person sees of a real agent: the set in its berths, a container that dies, a log that goes on.
#
#   dashboard.py ADDRESS BERTH SOCKET PID      tests/ui/dashboard.sh runs it; PID is db-1's main process
import os
import signal
import subprocess
import sys

from browser import FAINT, Browser, Failed
from page import berth, expect, text_of


def main(address, program, socket, pid):
    with Browser() as browser:
        browser.open(address)
        browser.wait("the key leads to the page", "location.pathname == '/ui/' && document.getElementById('link')?.textContent == 'Following'")
        browser.wait("the set's berths", "[...document.querySelectorAll('[data-set=\"default/db\"] .berth')].map(b => "
                     "b.querySelector('.number').textContent + ' ' + b.dataset.name + ' ' + b.dataset.tone).join() == '0 db-0 well,1 db-1 well,2 db-2 well'")
        browser.wait("addresses and volumes", f"/Address10\\.98\\.0\\.\\d+Volumedata 16Mi/.test({text_of('db-2', '.facts')})")
        browser.wait("the host", "document.getElementById('host-name').textContent == 'bed' && document.querySelectorAll('.gauge').length >= 3")
        browser.wait("what crashes says so", f"['failing', 'starting'].includes({berth('mean')}?.dataset.tone) && {text_of('mean', '.why')}.startsWith('main: ')", 40)
        sentence = f"{text_of('mean', '.why')}"
        browser.wait("in the words of berth status", "document.getElementById('unwell-list').textContent.includes(" + sentence + ")")
        browser.wait("events", "[...document.querySelectorAll('#events tr')].some(r => r.textContent.includes('default/db-2'))")

        browser.js("window.stayed = true")
        os.kill(pid, signal.SIGKILL)
        browser.wait("the container that was killed began anew", f"{text_of('db-1', '.facts')}.includes('Restarts1') && {berth('db-1')}.dataset.tone == 'well'", 40)
        expect("without a reload", browser.js("window.stayed"), True)
        browser.wait("who listens heard of it", "document.getElementById('said').textContent.includes('db-1: restarted, Running')")

        browser.js(f"{berth('db-0')}.querySelector('button').focus()")
        browser.key("Enter")
        browser.wait("the log is followed", "document.getElementById('log-note').textContent == 'Following'")
        for word in ("first", "second <b>line</b>"):
            subprocess.run([program, "--socket", socket, "exec", "db-0", "--", "sh", "-c", f"echo '{word}' >/proc/1/fd/1"], check=True)
            browser.wait(f"'{word}' came", f"document.getElementById('log').lastElementChild?.textContent.endsWith('{word}')")
        browser.wait("its events", "document.getElementById('panel-events').textContent.includes('Started')")
        browser.key("Escape")
        browser.wait("Escape closes", "!document.getElementById('panel').open")
        expect("focus is back", browser.js("document.activeElement.textContent"), "db-0")

        browser.js(f"{berth('mean')}.querySelector('button').click()")
        browser.wait("a hostile line is a line", "document.getElementById('log').textContent.includes('<img src=x onerror=window.hit=1>')", 40)
        expect("no element came of it", browser.js("document.querySelectorAll('img').length"), 0)
        expect("nothing ran", browser.js("window.hit ?? null"), None)
        expect("what is too faint", browser.js(FAINT), [])
        expect("controls without a name", browser.nameless(), [])
        # A crashing container has, for moments, no log to read: the API refuses, and the browser writes that down.
        browser.wrongs = [each for each in browser.wrongs if not ("status of 400" in each and "/pods/mean/log" in each)]
        browser.at_peace()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
    except Failed as failure:
        sys.exit(f"FAILED: {failure}")
