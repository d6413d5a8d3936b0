// harbour.js - from the agent's objects to berths: which slot a set has, who lies in it, and how that one is. Pure.

const MOST_BERTHS = 200;
const FAILING = /BackOff|Err|OOM|Failed|Invalid|Evicted|Unknown|Deadline|Unexpected|Lost|Cannot|Exceeded/;

const condition = (object, type) => (object.status?.conditions ?? []).find((each) => each.type === type);

/** What the page keeps of a pod. */
export function podOf({cells, object}) {
  const {metadata, spec = {}, status = {}} = object;
  const owner = (metadata.ownerReferences ?? []).find((each) => each.controller) ?? null;
  const statuses = new Map([...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map((each) => [each.name, each]));
  const container = (init) => (each) => {
    const now = statuses.get(each.name) ?? {};
    const [kind, detail] = Object.entries(now.state ?? {})[0] ?? ['waiting', {}];
    return {
      name: each.name, image: each.image ?? '', init, ready: now.ready === true, restarts: now.restartCount ?? 0, kind,
      word: detail.reason ?? {running: 'Running', terminated: 'Ended', waiting: 'Waiting'}[kind] ?? kind,
      code: detail.exitCode, since: detail.startedAt ?? detail.finishedAt ?? '', last: now.lastState?.terminated ?? null,
    };
  };
  return {
    key: `${metadata.namespace}/${metadata.name}`, ns: metadata.namespace, name: metadata.name, uid: metadata.uid,
    created: metadata.creationTimestamp, deleting: Boolean(metadata.deletionTimestamp), owner,
    address: status.podIP ?? '', phase: status.phase ?? 'Pending', word: String(cells.Status ?? status.phase ?? 'Pending'),
    readyCell: String(cells.Ready ?? ''), ready: condition(object, 'Ready')?.status === 'True',
    restarts: [...statuses.values()].reduce((sum, each) => sum + (each.restartCount ?? 0), 0),
    containers: [...(spec.containers ?? []).map(container(false)), ...(spec.initContainers ?? []).map(container(true))],
    claims: (spec.volumes ?? []).map((each) => each.persistentVolumeClaim?.claimName).filter(Boolean),
    node: spec.nodeName ?? '',
  };
}

export function setOf({object}) {
  const {metadata, spec = {}, status = {}} = object;
  return {
    key: `${metadata.namespace}/${metadata.name}`, ns: metadata.namespace, name: metadata.name, uid: metadata.uid,
    replicas: spec.replicas ?? 1, start: spec.ordinals?.start ?? 0, parallel: spec.podManagementPolicy === 'Parallel',
    ready: status.readyReplicas ?? 0, templates: (spec.volumeClaimTemplates ?? []).map((each) => each.metadata?.name ?? ''),
    images: (spec.template?.spec?.containers ?? []).map((each) => each.image ?? ''), service: spec.serviceName ?? '',
  };
}

export function claimOf(object) {
  const {metadata, spec = {}, status = {}} = object;
  return {
    key: `${metadata.namespace}/${metadata.name}`, name: metadata.name, phase: status.phase ?? 'Pending',
    size: status.capacity?.storage ?? spec.resources?.requests?.storage ?? '', storageClass: spec.storageClassName ?? '',
  };
}

/** {tone, word} of a pod; null: nobody lies there. */
export function stateOf(pod) {
  if (!pod) return {tone: 'empty', word: 'Empty'};
  if (pod.deleting) return {tone: 'ending', word: pod.word};
  if (pod.phase === 'Succeeded') return {tone: 'done', word: pod.word};
  if (pod.phase === 'Running' && pod.ready) return {tone: 'well', word: pod.word};
  const word = pod.word === 'Running' ? `Running, ${pod.readyCell} ready` : pod.word;
  return {tone: FAILING.test(pod.word) || pod.phase === 'Failed' ? 'failing' : 'starting', word};
}

const ordinalOf = (set, pod) => {
  const tail = pod.name.startsWith(`${set.name}-`) ? pod.name.slice(set.name.length + 1) : '';
  return /^(0|[1-9][0-9]{0,8})$/.test(tail) ? Number(tail) : null;
};

/** The rows of the harbour: sets with their numbered berths, then whoever has no number, by owner. */
export function rowsOf(sets, pods) {
  const rows = [], placed = new Set();
  const byUid = new Map();
  for (const pod of pods) {
    const uid = pod.owner?.uid ?? '';
    if (!byUid.has(uid)) byUid.set(uid, []);
    byUid.get(uid).push(pod);
  }
  for (const set of [...sets].sort(byKey)) {
    const own = new Map();
    for (const pod of byUid.get(set.uid) ?? []) {
      const ordinal = ordinalOf(set, pod);
      if (ordinal === null) continue;
      own.set(ordinal, pod);
      placed.add(pod.key);
    }
    const berths = [];
    const shown = Math.min(set.replicas, MOST_BERTHS);
    let blocked = null;  // the first before it that is not ready
    for (let at = set.start; at < set.start + shown; ++at) {
      const pod = own.get(at) ?? null;
      berths.push({number: at, name: `${set.name}-${at}`, pod, waits: !pod && !set.parallel ? blocked : null, surplus: false});
      if (blocked === null && !(pod && pod.ready && !pod.deleting)) blocked = `${set.name}-${at}`;
    }
    const surplus = [...own.keys()].filter((at) => at < set.start || at >= set.start + set.replicas).sort((a, b) => a - b);
    for (const at of surplus) berths.push({number: at, name: `${set.name}-${at}`, pod: own.get(at), waits: null, surplus: true});
    rows.push({
      key: `set ${set.key}`, title: set.name, ns: set.ns, kind: 'StatefulSet', numbered: true, set, berths, more: set.replicas - shown,
      ready: berths.filter((each) => !each.surplus && each.pod?.ready).length, wanted: set.replicas,
    });
  }
  const others = new Map();
  for (const pod of [...pods].sort(byKey)) {
    if (placed.has(pod.key)) continue;
    const kind = pod.owner?.kind ?? 'Pod';
    const title = pod.owner?.name ?? 'Pods of their own';
    const key = `other ${pod.ns} ${kind} ${pod.owner?.uid ?? ''}`;
    if (!others.has(key)) others.set(key, {key, title, ns: pod.ns, kind, numbered: false, set: null, berths: [], more: 0, ready: 0, wanted: 0});
    const row = others.get(key);
    row.berths.push({number: null, name: pod.name, pod, waits: null, surplus: false});
    row.wanted += pod.phase === 'Succeeded' ? 0 : 1;
    row.ready += pod.ready ? 1 : 0;
  }
  return [...rows, ...others.values()];
}

/** The claims of a berth, whether or not somebody lies there: an empty berth keeps its volumes. */
export function claimNamesOf(row, berth) {
  if (berth.pod) return berth.pod.claims;
  return (row.set?.templates ?? []).map((template) => `${template}-${berth.name}`);
}

function byKey(left, right) {
  return left.key.localeCompare(right.key, 'en', {numeric: true});
}
