// chart.js - one number over time as a line, with the same in words for who does not see it.
import {drawing, element, say} from './words.js';

const KEPT = 720;  // an hour of a sample every five seconds
const WIDTH = 300, HEIGHT = 56;

export class Chart {
  /** `text(value)` words a value; `least` keeps the scale's top from being smaller. */
  constructor(title, text) {
    this.title = title;
    this.text = text;
    this.samples = [];
    this.area = drawing('path', {class: 'area'});
    this.line = drawing('path', {class: 'curve'});
    this.picture = drawing('svg', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', class: 'chart'}, this.area, this.line);
    this.now = element('p', {class: 'value'});
    this.range = element('p', {class: 'quiet'});
    this.node = element('figure', {class: 'gauge', 'aria-label': title}, element('figcaption', {}, title), this.now, this.picture, this.range);
  }

  add(value, top, sentence) {
    if (!Number.isFinite(value) || !(top > 0)) return;
    this.samples.push({at: Date.now(), value});
    if (this.samples.length > KEPT) this.samples.shift();
    const first = this.samples[0].at;
    const span = Math.max(60000, Date.now() - first);
    const end = Date.now();
    const points = this.samples.map(({at, value: each}) => {
      const x = WIDTH - ((end - at) / span) * WIDTH;
      const y = HEIGHT - 1 - (Math.min(each, top) / top) * (HEIGHT - 3);
      return `${x.toFixed(1)} ${y.toFixed(1)}`;
    });
    this.line.setAttribute('d', `M${points.join('L')}`);
    this.area.setAttribute('d', `M${points[0].split(' ')[0]} ${HEIGHT}L${points.join('L')}L${WIDTH} ${HEIGHT}z`);
    const values = this.samples.map((each) => each.value);
    const between = `${this.text(Math.min(...values))} to ${this.text(Math.max(...values))} since ${new Date(first).toLocaleTimeString()}`;
    say(this.now, sentence);
    say(this.range, between);
    this.picture.setAttribute('aria-label', `${this.title}: ${sentence}; ${between}`);
  }
}
