// A stand-in for the bundled panel, until there is one: it shows how many jobs there are.
function store(model) {
  const state = { n: -1, hello: null, tick: null, nodes: new Map(), rows: new Map(), ask: null };
  const listeners = new Set();
  const apply = (message) => {
    if (message.t === "hello") Object.assign(state, { hello: message, nodes: new Map(), rows: new Map() });
    if (message.t === "tick") state.tick = message;
    if (message.t === "nodes") for (const row of message.rows) state.nodes.set(row[0], row);
    if (message.t === "sweep_rows") for (const row of message.rows) state.rows.set(row[0], row);
  };
  const tell = () => listeners.forEach((listener) => listener());
  const late = () => {
    const bytes = model.get("snapshot");
    if (!bytes || !bytes.byteLength || model.get("snapshot_n") <= state.n) return false;
    JSON.parse(new TextDecoder().decode(bytes)).forEach(apply);
    state.n = model.get("snapshot_n");
    tell();
    return true;
  };
  model.on("msg:custom", (content, buffers) => {
    if (content.kind !== "messages" || content.n <= state.n) return;
    const messages = buffers.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)));
    if (content.n !== state.n + 1 && messages[0].t !== "hello" && !late()) {
      return state.ask?.send({ id: "resync", method: "POST", path: "/resync" });
    }
    messages.forEach(apply);
    state.n = content.n;
    tell();
  });
  model.on("change:snapshot_n", late);
  late();
  model.widget_manager.get_model(model.get("ask")).then((ask) => {
    state.ask = ask;
  });
  return { state, listeners };
}

const stores = new WeakMap();

function initialize({ model }) {
  stores.set(model, store(model));
}

function render({ model, el }) {
  if (!stores.has(model)) initialize({ model });
  const { state, listeners } = stores.get(model);
  const drawn = document.createElement("div");
  drawn.className = `nxp-panel nxp-${model.get("view")}`;
  el.append(drawn);
  const draw = () => {
    const counts = Object.entries(state.tick?.counts ?? {}).map(([name, count]) => `${count} ${name}`);
    drawn.textContent = `${state.hello?.name ?? ""} ${counts.join(" · ")}`;
  };
  listeners.add(draw);
  draw();
  const asked = model.widget_manager.get_model(model.get("ask"));
  asked.then((ask) => ask.send({ id: "hello", method: "POST", path: "/hello" }));
  return () => {
    listeners.delete(draw);
    asked.then((ask) => ask.send({ id: "bye", method: "POST", path: "/bye" }));
  };
}

export default { initialize, render };
