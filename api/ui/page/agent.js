// agent.js - talks to the agent's API: reads once, lists and then watches, follows a log. Everything is a GET.

const FIRST_PAUSE = 1000, LONGEST_PAUSE = 10000;

/** What the agent said to a request that it refused. */
export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

async function ask(path, accept, signal) {
  const response = await fetch(path, {headers: {Accept: accept}, signal, cache: 'no-store', credentials: 'same-origin'});
  if (response.ok) return response;
  const text = await response.text();
  let message = text.trim().slice(0, 500) || `HTTP ${response.status}`;
  try {
    message = JSON.parse(text).message ?? message;
  } catch {
    // no Status: what stands there is the message
  }
  throw new Refused(response.status, message);
}

export async function read(path, {accept = 'application/json', signal} = {}) {
  return (await ask(path, accept, signal)).json();
}

/** Calls `take` with each line of the answer, as it comes, until it ends. `most`: longer lines are cut there. */
export async function readLines(path, {accept, signal, take, most = Infinity, opened = () => {}}) {
  const response = await ask(path, accept, signal);
  opened();
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = '', cut = 0;
  for (;;) {
    const {done, value} = await reader.read();
    rest += done ? decoder.decode() : decoder.decode(value, {stream: true});
    let start = 0;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
      const line = rest.slice(start, Math.min(end, start + most));
      take(line, cut + Math.max(0, end - start - most));
      cut = 0;
      start = end + 1;
    }
    rest = rest.slice(start);
    if (rest.length > most) {
      cut += rest.length - most;
      rest = rest.slice(0, most);
    }
    if (done) {
      if (rest) take(rest, cut);
      return;
    }
  }
}

export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, {once: true});
  });
}

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const PAGE = 500;

/**
 * A collection that is listed and then watched until `signal` says stop. Rows come as {cells, object}: the cells are what
 * `kubectl get` would print, by the column's name. `begin()` is called before a new list, `take(type, row)` for each row
 * and change, `settled()` when what was listed is complete, `trouble(error)` when it is not to be had; then it is tried
 * again. The first watch begins where the list ended; a watch that the agent ends is begun anew.
 */
export async function follow(path, {begin, take, settled, trouble, signal}) {
  let wait = FIRST_PAUSE;
  while (!signal.aborted) {
    try {
      let columns = [];
      const rows = (table) => {
        if (table.columnDefinitions?.length) columns = table.columnDefinitions.map((column) => column.name);
        return (table.rows ?? []).map(({cells, object}) => ({
          cells: Object.fromEntries(columns.map((name, at) => [name, cells[at]])), object,
        }));
      };
      begin();
      let version = '', more = '';
      do {
        const page = await read(`${path}?includeObject=Object&limit=${PAGE}${more ? `&continue=${encodeURIComponent(more)}` : ''}`, {accept: TABLE, signal});
        for (const row of rows(page)) take('ADDED', row);
        version = page.metadata?.resourceVersion ?? '';
        more = page.metadata?.continue ?? '';
      } while (more);
      settled();
      await readLines(`${path}?watch=true&includeObject=Object&resourceVersion=${encodeURIComponent(version)}`, {
        accept: TABLE, signal, opened: () => { wait = FIRST_PAUSE; },
        take: (line) => {
          if (!line) return;
          const change = JSON.parse(line);
          if (change.type === 'ERROR') throw new Refused(change.object?.code ?? 500, change.object?.message ?? 'the watch failed');
          if (change.type === 'BOOKMARK') return;
          for (const row of rows(change.object)) take(change.type, row);
        },
      });
      await pause(FIRST_PAUSE / 4, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error.code !== 410) trouble(error);
      await pause(error.code === 410 ? 0 : wait, signal);
      wait = Math.min(wait * 2, LONGEST_PAUSE);
    }
  }
}
