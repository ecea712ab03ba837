import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

export type Paint = (context: CanvasRenderingContext2D, width: number, height: number) => void;

type Props = Omit<JSX.HTMLAttributes<HTMLCanvasElement>, "ref"> & {
  paint: Paint;
  /** Told on every change of size, in CSS pixels. */
  onSize?: (width: number, height: number) => void;
};

/** A canvas as large as its parent and as sharp as the screen, painted anew at every drawing. */
export function Canvas({ paint, onSize, ...rest }: Props): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState<[number, number]>([0, 0]);
  const told = useRef(onSize);
  told.current = onSize;

  useLayoutEffect(() => {
    const box = canvas.current!.parentElement!;
    const measure = (): void => {
      const next: [number, number] = [box.clientWidth, box.clientHeight];
      setSize((old) => (old[0] === next[0] && old[1] === next[1] ? old : next));
      told.current?.(...next);
    };
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    measure();
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    const [width, height] = size;
    const context = canvas.current!.getContext("2d");
    if (!context || !width || !height) return;
    const ratio = devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.current!.width !== wide || canvas.current!.height !== high) {
      Object.assign(canvas.current!, { width: wide, height: high });
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    paint(context, width, height);
  });

  return <canvas {...rest} ref={canvas} style={{ width: `${size[0]}px`, height: `${size[1]}px` }} />;
}
