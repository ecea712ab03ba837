// The browser's half of a live display. `html` is pushed by Python; what differs is patched into
// the page, so that selection, scroll position, focus and opened details survive an update.
// Requests go through a second model (`ask`), on which Python only ever replies: see live.py.

const WAIT_MS = 1000;
const NOTE_MS = 6000;

function patch(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(document.importNode(to, true));
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  for (const { name } of [...from.attributes]) {
    // `open` and `disabled` belong to the reader and to a request that is under way.
    if (name === "open" || name === "disabled") continue;
    if (!to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of [...to.attributes]) {
    if (name === "open") continue;
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  const old = [...from.childNodes];
  const now = [...to.childNodes];
  now.forEach((node, at) => {
    if (at < old.length) patch(old[at], node);
    else from.appendChild(document.importNode(node, true));
  });
  old.slice(now.length).forEach((node) => node.remove());
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard without a secure context: a selection and the old command still work there.
    const area = document.createElement("textarea");
    area.value = text;
    area.style.cssText = "position:fixed;opacity:0";
    document.body.appendChild(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function render({ model, el }) {
  el.classList.add("nxp-live");
  const body = document.createElement("div");
  const note = document.createElement("div");
  note.className = "nxp-note";
  note.setAttribute("role", "status");
  el.append(body, note);

  let fading = 0;
  const say = (text, stays) => {
    clearTimeout(fading);
    note.textContent = text;
    note.classList.add("nxp-note-on");
    if (!stays) fading = setTimeout(() => note.classList.remove("nxp-note-on"), NOTE_MS);
  };

  const update = () => {
    const template = document.createElement("template");
    template.innerHTML = model.get("html");
    // A display that grew keeps its height, so that the page below does not jump.
    body.style.minHeight = `${body.offsetHeight}px`;
    const now = document.createElement("div");
    now.append(template.content);
    const old = [...body.childNodes];
    [...now.childNodes].forEach((node, at) => {
      if (at < old.length) patch(old[at], node);
      else body.appendChild(document.importNode(node, true));
    });
    old.slice(now.childNodes.length).forEach((node) => node.remove());
  };
  const release = () => (body.style.minHeight = "");
  model.on("change:html", update);
  update();

  const waiting = new Map();
  const answered = ({ id, text }) => {
    const request = waiting.get(id);
    if (!request) return;
    waiting.delete(id);
    clearTimeout(request.timer);
    if (request.button) request.button.removeAttribute("disabled");
    if (text) say(text);
  };
  let ask = null;
  const send = (content, button) => {
    const id = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
    const late = () => button && say("Queued until the cell ends", true);
    waiting.set(id, { button, timer: setTimeout(late, WAIT_MS) });
    ask.send({ ...content, id });
  };
  if (model.get("ask")) {
    model.widget_manager.get_model(model.get("ask")).then(
      (found) => {
        ask = found;
        ask.on("msg:custom", answered);
        send({ kind: "hello" });
      },
      () => {},
    );
  }

  const click = async (event) => {
    const button = event.target.closest("button");
    if (!button || !el.contains(button)) return;
    if (button.dataset.nxpCopy !== undefined) {
      say((await copy(button.dataset.nxpCopy)) ? "Copied" : "Select the line and copy it by hand");
    } else if (button.dataset.nxpAction !== undefined) {
      if (!ask) return say("No kernel answers: run the cell again");
      button.setAttribute("disabled", "");
      send({ kind: "action", action: button.dataset.nxpAction }, button);
    }
  };
  el.addEventListener("click", click);
  el.addEventListener("toggle", release, true);
  return () => {
    model.off("change:html", update);
    el.removeEventListener("click", click);
    el.removeEventListener("toggle", release, true);
    if (ask) {
      ask.off("msg:custom", answered);
      try {
        ask.send({ kind: "bye", id: "" });
      } catch {
        // The kernel is gone, and with it what there was to say goodbye to.
      }
    }
    for (const { timer } of waiting.values()) clearTimeout(timer);
    clearTimeout(fading);
  };
}

export default { render };
