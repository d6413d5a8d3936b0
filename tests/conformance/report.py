# tests/conformance/report.py - what e2e.test printed: which tests passed, which failed and why, and which was running at the end.
import json
import re

PASSED, FAILED, LATE, ABSENT = "passed", "failed", "out of time", "not run"
RULER = re.compile(r"^-{30}$", re.M)
END = re.compile(r'^(\{"msg":"(?:PASSED|FAILED) .*\})$', re.M)


def plain(text):
    return re.sub(r"\s+", " ", text).strip()


def first_words(block):
    """The message of a failure, on one line."""
    found = re.search(r"FAIL: (.*?)(?:\n\s*\n|\n\s*Full Stack|\nSTEP: |\n[A-Z][a-z]{2} +\d+ [\d:.]+: )", block, re.S)
    if not found:
        panic = re.search(r"Test Panicked\n(.*?)\n\n", block, re.S)
        return "the test itself panicked: " + plain(panic[1])[:300] if panic else ""
    words = plain(found[1])
    # Of an answer of the API, printed as Go prints structures, the sentence.
    told = re.search(r'Message: "(.*?)",?$', block, re.M)
    if told and "ErrStatus" in block:
        words = words.split("Unexpected error")[0].strip() + " " + told[1]
    return words.strip()[:400]


def head(block):
    """The name of the test that a block is about, as ginkgo puts it above: one part a line, each with a line of where it is."""
    lines = [line.strip() for line in block.split("STEP: ")[0].splitlines()]
    return plain(" ".join(line for line in lines if line and "/test/e2e/" not in line))


def read(text, tests):
    """{test: (state, why)} for these tests, from the output of the one process that ran them."""
    known = {plain(test): test for test in tests}
    result = {test: (ABSENT, "") for test in tests}
    text = re.sub(r"^[SP•]+(?=\{|-{30}$|\[)", "", text, flags=re.M)
    why, running = "", None
    for block in RULER.split(text):
        why = why or first_words(block)
        running = known.get(head(block), running)
        for line in END.findall(block):
            verdict, name = json.loads(line)["msg"].split(" ", 1)
            test = known.get(plain(name))
            if test:
                result[test] = (PASSED, "") if verdict == "PASSED" else (FAILED, why)
            why, running = "", None
    for name in re.findall(r"^\[Panic!\] (.*)$", text, re.M):
        test = known.get(plain(name.replace("[It] ", "").replace("[BeforeEach] ", "")))
        if test and result[test][0] == ABSENT:
            result[test] = (FAILED, why or "the test itself panicked over an answer")
    if running and result[running][0] == ABSENT:
        last = re.findall(r"^[A-Z][a-z]{2} +\d+ [\d:.]+: (?:INFO|FAIL): (.*)$", text, re.M)
        result[running] = (LATE, plain(last[-1])[:300] if last else "")
    elif why and all(state == ABSENT for state, _ in result.values()):
        result = {test: (ABSENT, why) for test in tests}
    return result
