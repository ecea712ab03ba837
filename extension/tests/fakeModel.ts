import type { WidgetModel } from "../src/kernel/model";

type Hear = (...args: never[]) => void;

/** A model as anywidget gives it, with a kernel that a test plays. */
export class FakeModel implements WidgetModel {
  readonly sent: { id: string; method: string; path: string }[] = [];
  readonly heard = new Map<string, Set<Hear>>();
  widget_manager: WidgetModel["widget_manager"];

  constructor(readonly traits: Record<string, unknown> = {}, ask?: FakeModel) {
    this.widget_manager = { get_model: () => (ask ? Promise.resolve(ask) : Promise.reject(new Error("none"))) };
  }

  get(name: string): unknown {
    return this.traits[name];
  }

  on(event: string, hear: Hear): void {
    if (!this.heard.has(event)) this.heard.set(event, new Set());
    this.heard.get(event)!.add(hear);
  }

  off(event: string, hear: Hear): void {
    this.heard.get(event)?.delete(hear);
  }

  send(content: unknown): void {
    this.sent.push(content as FakeModel["sent"][number]);
  }

  say(event: string, ...args: unknown[]): void {
    for (const hear of this.heard.get(event) ?? []) hear(...(args as never[]));
  }

  push(n: number, ...messages: unknown[]): void {
    this.say("msg:custom", { kind: "messages", n }, messages.map(bytes));
  }

  set(traits: Record<string, unknown>): void {
    Object.assign(this.traits, traits);
    for (const name of Object.keys(traits)) this.say(`change:${name}`);
  }

  get listeners(): number {
    return [...this.heard.values()].reduce((sum, set) => sum + set.size, 0);
  }
}

export function bytes(value: unknown): DataView {
  return new DataView(new TextEncoder().encode(JSON.stringify(value)).buffer);
}
