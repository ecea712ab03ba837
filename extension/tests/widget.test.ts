// @vitest-environment jsdom

import { beforeAll, expect, test } from "vitest";

import { FakeModel } from "./fakeModel";
import { furnish } from "./page";

interface Widget {
  initialize: (hook: { model: FakeModel }) => () => void;
  render: (hook: { model: FakeModel; el: HTMLElement }) => () => void;
}

let widget: Widget;

beforeAll(async () => {
  furnish();
  widget = (await import("../src/widget")).default;
});

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

test("all views of a model share what was heard, also before they were there", async () => {
  const asked = new FakeModel();
  const model = new FakeModel({ ask: "q", view: "fleet", state: "live", words: "" }, asked);
  const forget = widget.initialize({ model });
  model.push(1, { t: "hello", v: 1, name: "villin", now: 1000, started_at: 900 });
  const boxes = [document.createElement("div"), document.createElement("div")];
  const views = boxes.map((el) => widget.render({ model, el: document.body.appendChild(el) }));
  await settled();
  expect(boxes.map((el) => el.querySelector("h2")?.textContent)).toEqual(["villin", "villin"]);
  expect(asked.sent.map((request) => request.path)).toEqual(["/hello"]);
  views[0]!();
  await settled();
  expect(asked.sent).toHaveLength(1);
  views[1]!();
  await settled();
  expect(asked.sent.map((request) => request.path)).toEqual(["/hello", "/bye"]);
  forget();
  await settled();
  expect([model.listeners, asked.listeners]).toEqual([0, 0]);
});
