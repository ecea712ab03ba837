/** What jsdom has not, counted: so that a test can say that nothing was left behind. */

export interface Held {
  observers: number;
  frames: number;
  listeners: number;
  timers: number;
}

export const held: Held = { observers: 0, frames: 0, listeners: 0, timers: 0 };

class Observer {
  private isOn = false;
  constructor(readonly told: unknown) {}
  observe(): void {
    if (!this.isOn) held.observers += 1;
    this.isOn = true;
  }
  disconnect(): void {
    if (this.isOn) held.observers -= 1;
    this.isOn = false;
  }
}

const frames = new Map<number, () => void>();
let last = 0;

/** Draw one frame. */
export function frame(): void {
  const now = [...frames.values()];
  frames.clear();
  held.frames = 0;
  for (const draw of now) draw();
}

function counted(target: EventTarget): void {
  const add = target.addEventListener.bind(target);
  const remove = target.removeEventListener.bind(target);
  target.addEventListener = (...args: Parameters<typeof add>): void => {
    held.listeners += 1;
    add(...args);
  };
  target.removeEventListener = (...args: Parameters<typeof remove>): void => {
    held.listeners -= 1;
    remove(...args);
  };
}

export function furnish(): void {
  const media = Object.assign(new EventTarget(), { matches: false });
  for (const target of [document, window, media] as EventTarget[]) counted(target);
  const intervals = new Set<unknown>();
  const { setInterval, clearInterval } = globalThis;
  Object.assign(globalThis, {
    ResizeObserver: Observer,
    IntersectionObserver: Observer,
    MutationObserver: Observer,
    matchMedia: () => media,
    requestAnimationFrame: (draw: () => void) => {
      frames.set((last += 1), draw);
      held.frames = frames.size;
      return last;
    },
    cancelAnimationFrame: (id: number) => {
      frames.delete(id);
      held.frames = frames.size;
    },
    setInterval: (...args: Parameters<typeof setInterval>) => {
      const timer = setInterval(...args);
      intervals.add(timer);
      held.timers = intervals.size;
      return timer;
    },
    clearInterval: (timer: never) => {
      clearInterval(timer);
      intervals.delete(timer);
      held.timers = intervals.size;
    },
  });
  Object.defineProperty(HTMLCanvasElement.prototype, "getContext", { value: () => null });
}
