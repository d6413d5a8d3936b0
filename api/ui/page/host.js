// host.js - the host over time: memory, processors and disks, measured while somebody looks.
import {bytes, quantity} from './words.js';
import {Chart} from './chart.js';
import {read} from './agent.js';

const METRICS = '/apis/metrics.k8s.io/v1beta1';

export class Host {
  constructor(root) {
    this.root = root;
    this.charts = new Map();
    this.capacity = null;
    this.memory = new Map();  // of pods, by namespace/name
    this.status = null;
  }

  chart(key, title, text) {
    let chart = this.charts.get(key);
    if (!chart) {
      this.charts.set(key, chart = new Chart(title, text));
      this.root.append(chart.node);
    }
    return chart;
  }

  /** One measurement of everything. Throws what read() throws; what was measured until then is drawn. */
  async measure(signal) {
    this.status = await read('/berth/v1/status', {signal});
    if (!this.capacity) {
      const nodes = (await read('/api/v1/nodes', {signal})).items ?? [];
      this.capacity = nodes.find((each) => each.metadata.name === this.status.node)?.status?.capacity ?? null;
    }
    const usage = ((await read(`${METRICS}/nodes`, {signal})).items ?? []).find((each) => each.metadata.name === this.status.node)?.usage;
    if (usage && this.capacity) {
      const memory = quantity(usage.memory), memoryTop = quantity(this.capacity.memory);
      this.chart('memory', 'Memory', bytes).add(memory, memoryTop, `${bytes(memory)} of ${bytes(memoryTop)}`);
      const cpu = quantity(usage.cpu), cpuTop = quantity(this.capacity.cpu);
      const cores = (value) => `${value.toFixed(2)} cores`;
      this.chart('cpu', 'Processors', cores).add(cpu, cpuTop, `${cores(cpu)} of ${cpuTop}`);
    }
    for (const disk of this.status.disks ?? []) {
      if (disk.error || !disk.totalBytes) continue;
      const used = disk.totalBytes - disk.freeBytes;
      this.chart(`disk ${disk.path}`, `Disk at ${disk.path}`, bytes)
        .add(used, disk.totalBytes, `${bytes(used)} of ${bytes(disk.totalBytes)}, ${bytes(disk.freeBytes)} free`);
    }
    const pods = (await read(`${METRICS}/pods`, {signal})).items ?? [];
    this.memory = new Map(pods.map((each) => [`${each.metadata.namespace}/${each.metadata.name}`,
      (each.containers ?? []).reduce((sum, container) => sum + (quantity(container.usage?.memory) || 0), 0)]));
  }
}
