/** As much of anywidget's model as the panel uses. */
export interface WidgetModel {
  get(name: string): unknown;
  on(event: string, hear: (...args: never[]) => void): void;
  off(event: string, hear: (...args: never[]) => void): void;
  send(content: unknown): void;
  widget_manager: { get_model(id: string): Promise<WidgetModel> };
}

export function text(model: WidgetModel, name: string): string {
  const value = model.get(name);
  return typeof value === "string" ? value : "";
}

/** A piece of the page's memory as it comes over a comm. */
export function bytesOf(value: unknown): Uint8Array {
  if (value instanceof DataView) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return new Uint8Array(0);
}

export const parsed = (value: unknown): unknown => JSON.parse(new TextDecoder().decode(bytesOf(value)));
