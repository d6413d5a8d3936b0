#!/usr/bin/python3
# tests/ui/page.py - the dashboard in a real browser, before an agent that shows it many, changing and hostile things.
#
#   tests/ui/page.py [NAME...]         all checks, or those named
#   tests/ui/page.py --pictures DIR    writes the pictures that the documents show
import sys
import time

import harbour
from browser import FAINT, Browser, Failed
from fake_agent import FakeAgent, claim, event, now, owner_of, pod, stateful_set

HOSTILE = "<img src=x onerror=\"window.hit=1;fetch('http://192.0.2.1/')\"><script>window.hit=2</script>"


def expect(what, actual, wanted):
    if actual != wanted:
        raise Failed(f"{what}: got {actual!r}, expected {wanted!r}")


def berth(name):
    return f'document.querySelector(\'.berth[data-name="{name}"]\')'


def text_of(name, part):
    return f"{berth(name)}?.querySelector('{part}')?.textContent"


def opened(agent, browser):
    browser.open(agent.address)
    browser.wait("the agent is followed", "document.getElementById('link').textContent == 'Following'")
    browser.wait("the host is measured", "document.getElementById('host-name').textContent == 'worker1' && document.querySelectorAll('.gauge').length == 4")


def every_slot_says_who_lies_there_and_how(agent, browser):
    harbour.fill(agent)
    opened(agent, browser)
    browser.wait("the sentence came", f"{text_of('mongo-2', '.why')}.startsWith('main: CrashLoopBackOff: back-off 2m40s')")
    expect("the berths of a set", browser.js("[...document.querySelectorAll('[data-set=\"streams/kafka\"] .berth')].map(b => "
                                             "b.querySelector('.number').textContent + ' ' + b.dataset.name + ' ' + b.dataset.tone).join()"),
           "0 kafka-0 well,1 kafka-1 well,2 kafka-2 starting,3 kafka-3 empty,4 kafka-4 empty")
    for name, word in (("mongo-0", "Running"), ("mongo-2", "CrashLoopBackOff"), ("kafka-2", "ContainerCreating"), ("kafka-3", "Empty"), ("migrate-2024", "Completed")):
        expect(f"{name}'s word", browser.js(text_of(name, ".word")), word)
    expect("an empty berth says what it waits for", browser.js(text_of("kafka-3", ".why")), "Its turn comes when kafka-2 is ready.")
    expect("and keeps its volume", browser.js(text_of("kafka-3", ".facts")), "Volumelogs 100Gi, kept")
    expect("a pod's facts", browser.js(text_of("mongo-1", ".facts")), "Address10.98.0.5Volumedata 10GiRestarts1Memory398 MiB")
    expect("the tally", browser.js("document.getElementById('tally').innerText.replace(/\\s+/g, ' ')"),
           "Sets 3 Pods ready 7 of 9 Completed 1 Claims bound 7 of 7 Not well 2")
    expect("shapes differ by state", browser.js("new Set(['mongo-0', 'mongo-2', 'kafka-2', 'kafka-3', 'migrate-2024'].map(n => "
                                                "document.querySelector(`.berth[data-name=\"${n}\"] .glyph`).innerHTML)).size"), 5)


def what_changes_is_drawn_and_said_without_a_reload(agent, browser):
    harbour.fill(agent)
    opened(agent, browser)
    browser.js("window.stayed = true; document.querySelector('[data-name=mongo-0] button').focus()")
    broken = pod("mongo-0", owner=owner_of(stateful_set("mongo", 3)), word="Error", ready=False, restarts=1)
    agent.ailments.append({"what": "pod", "subject": "default/mongo-0", "sentence": "main: Error, exit code 137"})
    agent.put("pods", broken)
    browser.wait("its state", f"{text_of('mongo-0', '.word')} == 'Error' && {berth('mongo-0')}.dataset.tone == 'failing'")
    browser.wait("who listens is told", "document.getElementById('said').textContent.startsWith('mongo-0: restarted, Error')")
    browser.wait("and why", f"{text_of('mongo-0', '.why')} == 'main: Error, exit code 137'")
    agent.remove("pods", broken)
    browser.wait("its berth is empty", f"{berth('mongo-0')}.dataset.tone == 'empty'")
    agent.put("pods", pod("mongo-0", owner=owner_of(stateful_set("mongo", 3))))
    browser.wait("it is back", f"{berth('mongo-0')}.dataset.tone == 'well'")
    agent.put("statefulsets", stateful_set("mongo", 4, image="mongo:6.0.8"))
    browser.wait("a fourth berth", f"{berth('mongo-3')}?.dataset.tone == 'empty'")
    expect("the page was not loaded again", browser.js("window.stayed"), True)


def foreign_text_stays_text(agent, browser):
    bad = stateful_set("web", 2, image=HOSTILE)
    bad["spec"]["serviceName"] = HOSTILE
    agent.put("statefulsets", bad)
    mean = pod("web-0", owner=owner_of(bad), word=HOSTILE, ready=False, ip=HOSTILE, claims=["data-web-0"], image=HOSTILE)
    mean["spec"]["nodeName"] = HOSTILE
    agent.put("pods", mean)
    agent.put("pods", pod(HOSTILE, owner={"kind": HOSTILE, "name": HOSTILE, "uid": "x"}))
    agent.claims.append(claim("data-web-0", size=HOSTILE, phase=HOSTILE))
    agent.put("events", event(1, mean, HOSTILE, HOSTILE, warning=True, kind=HOSTILE))
    agent.ailments[:] = [{"what": HOSTILE, "subject": HOSTILE, "sentence": HOSTILE}, {"what": "pod", "subject": "default/web-0", "sentence": HOSTILE}]
    agent.logs["web-0"] = [f"{now()[:-1]}.1Z {HOSTILE}", f"{now()[:-1]}.2Z \x1b[31mred\x1b[0m \x1b]0;title\x07plain"]
    opened(agent, browser)
    browser.wait("the sentence is shown as it is", f"{text_of('web-0', '.why')}?.includes('onerror=')")
    browser.wait("the event, too", "document.getElementById('events').textContent.includes('<script>window.hit=2')")
    browser.js(f"{berth('web-0')}.querySelector('button').click()")
    browser.wait("the log, too", "document.getElementById('log').textContent.includes('<script>window.hit=2')")
    browser.wait("no orders to a terminal", "document.getElementById('log').textContent.includes('red ') && !document.getElementById('log').textContent.includes('\\x1b')")
    time.sleep(0.3)  # what an element that was made would need to load and fail
    expect("no element came of it", browser.js("document.querySelectorAll('img, script:not([src]), iframe').length"), 0)
    expect("nothing ran", browser.js("window.hit ?? null"), None)


def many_pods_and_events_are_bounded(agent, browser):
    for number in range(10):
        crowd = stateful_set(f"set{number}", 11)
        agent.put("statefulsets", crowd)
        for at in range(11):
            agent.put("pods", pod(f"set{number}-{at}", owner=owner_of(crowd), claims=[f"data-set{number}-{at}"], ip=f"10.98.{number}.{at}"))
            agent.claims.append(claim(f"data-set{number}-{at}"))
    huge = stateful_set("huge", 1_000_000)
    agent.put("statefulsets", huge)
    some = pod("set0-0")
    for number in range(10_000):
        agent.put("events", event(number, some, "Pulled", f"event {number} " + "x" * 200, ago=10_000 - number))
    begun = time.monotonic()
    opened(agent, browser)
    browser.wait("all pods", "document.querySelectorAll('.berth[data-tone=well]').length == 110")
    browser.wait("the newest event is first", "document.querySelector('#events .message')?.textContent.startsWith('event 9999 ')", 30)
    print(f"   110 pods and 10,000 events in {time.monotonic() - begun:.1f} s")
    expect("events in the page", browser.js("document.querySelectorAll('#events tr').length"), 100)
    expect("the rest is counted", browser.js("document.getElementById('events-note').textContent"), "The newest 100; 9900 older ones not shown. berth events shows all.")
    expect("a set of a million is bounded", browser.js("document.querySelectorAll('[data-set=\"default/huge\"] .berth').length"), 200)
    browser.js("document.getElementById('filter').focus()")
    browser.type("set7-1")
    browser.wait("a name finds its pods", "[...document.querySelectorAll('.berth')].map(b => b.dataset.name).join() == 'set7-1,set7-10'")


def a_loud_log_is_bounded_and_followed(agent, browser):
    harbour.fill(agent)
    lines = agent.logs["mongo-0"] = [f"2026-11-28T10:{n // 60 % 60:02d}:{n % 60:02d}.{n:09d}Z line {n}" for n in range(3000)]
    opened(agent, browser)
    browser.js(f"{berth('mongo-0')}.querySelector('button').click()")
    browser.wait("its end is in view", "(l => l.lastElementChild?.textContent.includes('line 2999') && l.scrollHeight - l.scrollTop - l.clientHeight < 30)(document.getElementById('log'))")
    expect("lines in the page", browser.js("document.getElementById('log').childElementCount"), 2000)
    lines.append("2026-11-28T12:00:00.1Z " + "y" * 1_000_000)
    browser.wait("a long line is cut", "document.getElementById('log').lastElementChild.textContent.includes('more characters)')")
    if browser.js("document.getElementById('log').lastElementChild.textContent.length") > 5000:
        raise Failed("the long line is all there")
    lines.extend(["2026-11-28T12:00:01Z two of one time", "2026-11-28T12:00:01Z and then"])
    browser.wait("it goes on", "document.getElementById('log').lastElementChild.textContent.endsWith('and then')")
    expect("lines of one time", browser.js("document.getElementById('log').lastElementChild.previousElementSibling.textContent.endsWith('two of one time')"), True)
    browser.js("document.dispatchEvent(new Event('visibilitychange'))")  # in view, as before: nothing begins anew
    browser.js("Object.defineProperty(document, 'hidden', {value: true, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))")
    lines.append("2026-11-28T12:00:01Z while away")
    browser.js("Object.defineProperty(document, 'hidden', {value: false, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))")
    browser.wait("what came meanwhile", "document.getElementById('log').lastElementChild.textContent.endsWith('while away')")
    expect("nothing comes twice", browser.js("[...document.getElementById('log').children].filter(l => l.textContent.endsWith('and then')).length"), 1)
    browser.js("document.getElementById('log').scrollTop = 0")
    browser.wait("who scrolls up is left alone", "!document.getElementById('log-follow').checked")
    lines.append("2026-11-28T12:00:02Z later")
    browser.wait("it still goes on", "document.getElementById('log').lastElementChild.textContent.endsWith('later')")
    expect("the view stays", browser.js("document.getElementById('log').scrollTop < 200"), True)


def keys_are_enough(agent, browser):
    harbour.fill(agent)
    opened(agent, browser)
    focused = "document.activeElement.textContent.trim() || document.activeElement.id"
    browser.js("document.body.focus()")
    browser.key("Tab")
    expect("first there is a way past the top", browser.js(focused), "Skip to the berths")
    browser.key("Enter")
    browser.key("Tab")
    expect("the filter", browser.js("document.activeElement.id"), "filter")
    browser.key("Tab")
    expect("the first berth", browser.js(focused), "mongo-0")
    expect("its focus is seen", browser.js("getComputedStyle(document.activeElement, '::after').outlineStyle + getComputedStyle(document.activeElement, '::after').outlineWidth"), "solid3px")
    browser.key("Enter")
    browser.wait("the panel is open", "document.getElementById('panel').open")
    expect("focus is in it", browser.js("document.activeElement.id"), "panel-title")
    seen = set()
    for _ in range(12):
        browser.key("Tab")
        if browser.js("!document.activeElement.closest('#panel') && document.activeElement !== document.body"):
            raise Failed("Tab left the open panel")
        seen.add(browser.js("document.activeElement.id"))
    if not {"panel-close", "log-container", "log-previous", "log-follow", "log"} <= seen:
        raise Failed(f"not all controls can be reached: {seen}")
    browser.key("Escape")
    browser.wait("Escape closes it", "!document.getElementById('panel').open")
    expect("and gives the focus back", browser.js(focused), "mongo-0")


def names_contrast_and_landmarks(agent, browser):
    harbour.fill(agent)
    opened(agent, browser)
    browser.wait("the sentence came", f"{text_of('mongo-2', '.why')}.length > 0")
    for dark in (False, True):
        browser.prefer(dark)
        expect("text that is too faint", browser.js(FAINT), [])
        expect("controls without a name", browser.nameless(), [])
        browser.js(f"{berth('mongo-2')}.querySelector('button').click()")
        browser.wait("a log", "document.getElementById('log').childElementCount > 10")
        expect("text of the panel that is too faint", browser.js(FAINT), [])
        expect("controls of the panel without a name", browser.nameless(), [])
        browser.js("document.getElementById('panel').close()")
    tree = browser.tree()
    for wanted in (("main", None), ("banner", None), ("region", "Berths"), ("region", "Not well"), ("region", "Events"), ("region", "Host"),
                   ("list", "mongo"), ("button", "mongo-2"), ("status", None), ("table", None)):
        if not any(role == wanted[0] and wanted[1] in (None, name) for role, name in tree):
            raise Failed(f"the accessibility tree lacks {wanted}: {sorted(set(tree))[:80]}")
    expect("headings, in order", browser.js("[...document.querySelectorAll('h1, h2, h3, h4')].slice(0, 5).map(h => h.tagName + ' ' + h.textContent).join()"),
           "H1 worker1,H2 Not well,H2 Berths,H3 mongo,H4 mongo-0")
    expect("nothing moves for who does not want it", browser.js("getComputedStyle(document.querySelector('.berth')).transitionDuration"), "0s")
    browser.call("Emulation.setDeviceMetricsOverride", width=360, height=700, deviceScaleFactor=1, mobile=False)
    expect("a narrow screen need not be scrolled sideways", browser.js("document.documentElement.scrollWidth <= innerWidth"), True)


def an_agent_that_goes_is_said_and_found_again(agent, browser):
    harbour.fill(agent)
    opened(agent, browser)
    browser.ignoring = True  # a browser writes every failed request to its console
    agent.leave()
    browser.wait("it is said", "document.getElementById('link').dataset.tone == 'failing'")
    expect("what was seen stays", browser.js("document.querySelectorAll('.berth').length"), 12)
    agent.objects["pods"].pop(("default", "mongo-2"))
    agent.away = False
    browser.wait("it is found again", "document.getElementById('link').textContent == 'Following'")
    browser.wait("what went meanwhile is gone", f"{berth('mongo-2')}.dataset.tone == 'empty'")


def nothing_is_asked_while_nobody_looks(agent, browser):
    harbour.fill(agent)
    opened(agent, browser)
    browser.js("Object.defineProperty(document, 'hidden', {value: true, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))")
    end = time.monotonic() + 10
    while any(agent.watchers.values()):  # the fake notices with its next write
        agent.put("pods", pod("late"))
        agent.put("statefulsets", stateful_set("late", 0))
        agent.put("events", event(99, pod("late"), "A", "b"))
        if time.monotonic() > end:
            raise Failed(f"streams stay open: {agent.watchers}")
        time.sleep(0.1)
    browser.receive(0)
    before = len(browser.requests)
    time.sleep(6)  # longer than it takes to measure
    browser.js("1")
    expect("requests", len(browser.requests) - before, 0)
    browser.js("Object.defineProperty(document, 'hidden', {value: false, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))")
    browser.wait("it goes on", f"document.getElementById('link').textContent == 'Following' && {berth('late')} != null")


CHECKS = [every_slot_says_who_lies_there_and_how, what_changes_is_drawn_and_said_without_a_reload, foreign_text_stays_text,
          many_pods_and_events_are_bounded, a_loud_log_is_bounded_and_followed, keys_are_enough, names_contrast_and_landmarks,
          an_agent_that_goes_is_said_and_found_again, nothing_is_asked_while_nobody_looks]


def pictures(folder):
    with FakeAgent() as agent, Browser(1120, 760) as browser:
        harbour.fill(agent)
        opened(agent, browser)
        browser.wait("the sentence came", f"{text_of('mongo-2', '.why')}.length > 0")
        time.sleep(20)  # the charts need something to draw
        browser.shoot(f"{folder}/dashboard.png")
        browser.js("document.querySelector('.gauges').scrollIntoView({block: 'end'}); scrollBy(0, 80)")
        browser.shoot(f"{folder}/dashboard-events.png")
        browser.js(f"scrollTo(0, 0); {berth('mongo-2')}.querySelector('button').click()")
        browser.wait("a log", "document.getElementById('log').childElementCount > 10")
        browser.shoot(f"{folder}/dashboard-pod.png")
        browser.js("document.getElementById('panel').close(); document.activeElement.blur(); document.getElementById('berths').scrollIntoView()")
        browser.prefer(dark=True)
        time.sleep(0.3)
        browser.shoot(f"{folder}/dashboard-dark.png")


def main(arguments):
    if arguments[:1] == ["--pictures"]:
        return pictures(arguments[1])
    wrong = 0
    for check in CHECKS:
        if arguments and check.__name__ not in arguments:
            continue
        begun = time.monotonic()
        try:
            with FakeAgent() as agent, Browser() as browser:
                check(agent, browser)
                browser.at_peace()
        except Failed as failure:
            wrong += 1
            print(f"FAILED {check.__name__}: {failure}")
        else:
            print(f"   {check.__name__.replace('_', ' ')}  ({time.monotonic() - begun:.1f} s)")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
