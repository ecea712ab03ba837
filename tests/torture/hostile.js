// Everything that a web page can try against a coordinator on this machine. Each attempt says what
// it could read; an attempt that reads nothing says nothing. `TARGET` is the coordinator's URL,
// `TOKEN` is "" or, for the control, the right one.

const read = [];
const tried = [];

async function attempt(name, run) {
  tried.push(name);
  try {
    const limit = new Promise((_, fail) => setTimeout(fail, 1500, new Error("nothing came")));
    const found = await Promise.race([run(), limit]);
    if (found) read.push(`${name}: ${found}`);
  } catch (error) { /* as it should be */ }
}

const seen = async (response) =>
  response.type === "opaque" ? "" : `${response.status} ${await response.text()}`;

const job = (name) => JSON.stringify({ data: 1, job_id: name });
const node = (name) => JSON.stringify({ node_id: name, profile: {} });

const loaded = (tag, attributes, found) => new Promise((done, fail) => {
  const element = document.createElement(tag);
  element.onload = () => { try { done(found ? found(element) : ""); } catch { done(""); } };
  element.onerror = () => done("");
  Object.assign(element, attributes);
  document.body.append(element);
});

function form(action, enctype, fields, method = "POST") {
  const frame = document.createElement("iframe");
  frame.name = `frame${Math.random()}`;
  document.body.append(frame);
  const made = document.createElement("form");
  Object.assign(made, { action, enctype, method, target: frame.name });
  for (const [name, value] of fields) {
    const input = document.createElement("textarea");
    Object.assign(input, { name, value });
    made.append(input);
  }
  document.body.append(made);
  return new Promise((done) => {
    frame.onload = () => {
      try { done(frame.contentDocument.URL === "about:blank" ? "" : frame.contentDocument.body.innerText); } catch { done(""); }
    };
    made.submit();
    setTimeout(done, 700, "");
  });
}

function socket(url) {
  return new Promise((done) => {
    const opened = new WebSocket(url);
    opened.onopen = () => done("a WebSocket opened");
    opened.onmessage = (event) => done(event.data);
    opened.onerror = () => done("");
  });
}

function events(url) {
  return new Promise((done) => {
    const source = new EventSource(url);
    source.onopen = () => { done("events opened"); source.close(); };
    source.addEventListener("reset", (event) => done(event.data));
    source.onerror = () => { done(""); source.close(); };
  });
}

async function serviceWorker() {
  await navigator.serviceWorker.register("/worker.js");
  const ready = await navigator.serviceWorker.ready;
  return new Promise((done) => {
    navigator.serviceWorker.onmessage = (event) => done(event.data);
    ready.active.postMessage(TARGET);
  });
}

const PATHS = ["/health", "/jobs", "/nodes", "/status", "/attempts", "/events", "/openapi.json",
  "/metrics", "/tokens", "/audit"];
const TYPES = ["text/plain", "application/json", "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=a", "application/msgpack"];

async function attack(who) {
  const auth = TOKEN ? { Authorization: `Bearer ${TOKEN}` } : {};
  const all = [];
  const go = (name, run) => all.push(attempt(`${who}: ${name}`, run));
  for (const path of PATHS) {
    for (const mode of ["cors", "no-cors"]) {
      if (path === "/events" && mode === "cors") continue;
      go(`GET ${path} ${mode}`, async () => {
        const stop = new AbortController();
        setTimeout(() => stop.abort(), 1000);
        return seen(await fetch(TARGET + path, { mode, signal: stop.signal,
          credentials: mode === "cors" ? "omit" : "include", headers: mode === "cors" ? auth : {} }));
      });
    }
  }
  TYPES.forEach((type, n) => {
    for (const mode of ["cors", "no-cors"]) {
      const name = `${who}-${mode}-${n}`;
      const headers = { "Content-Type": type, ...(mode === "cors" ? auth : {}) };
      const credentials = n % 2 ? "omit" : "include";
      const post = async (path, body) => seen(await fetch(TARGET + path,
        { method: "POST", mode, keepalive: n < 2, headers, credentials, body }));
      go(`POST /jobs ${type} ${mode}`, () => post("/jobs", job(name)));
      go(`POST /register ${type} ${mode}`, () => post("/register", node(name)));
      go(`POST /tokens ${type} ${mode}`, () =>
        post("/tokens", JSON.stringify({ scopes: ["admin"], label: name })));
    }
  });
  for (const mode of ["cors", "no-cors"]) {
    for (const path of ["/jobs/victim/cancel", "/jobs/done/retry"]) {
      go(`POST ${path} ${mode}`, async () =>
        seen(await fetch(TARGET + path, { method: "POST", mode, headers: mode === "cors" ? auth : {} })));
    }
    go(`GET /job ${mode}`, async () =>
      seen(await fetch(`${TARGET}/job`, { mode, headers: { "X-Node-ID": "good", ...auth } })));
  }
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
    go(method, async () => seen(await fetch(`${TARGET}/jobs`, { method, body: job("other-method") })));
  }
  go("sendBeacon", async () => {
    navigator.sendBeacon(`${TARGET}/jobs`, job("beacon"));
    navigator.sendBeacon(`${TARGET}/jobs/victim/cancel`);
    navigator.sendBeacon(`${TARGET}/jobs`, new Blob([job("beacon-json")], { type: "application/json" }));
    return "";
  });
  go("XMLHttpRequest", () => new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${TARGET}/jobs`);
    request.onload = () => done(request.responseText);
    request.onerror = () => done("");
    request.send(job("xhr"));
  }));
  const half = job("form");
  for (const enctype of ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded"]) {
    go(`form ${enctype}`, () =>
      form(`${TARGET}/jobs`, enctype, [[half.slice(0, -1) + ', "name": "', '"}']]));
    go(`form ${enctype} cancel`, () => form(`${TARGET}/jobs/victim/cancel`, enctype, [["a", "b"]]));
  }
  go("form GET", () => form(`${TARGET}/jobs`, "text/plain", [["limit", "1"]], "GET"));
  go("img", () => loaded("img", { src: `${TARGET}/jobs` }, (it) => it.naturalWidth && "an image"));
  go("script", () => loaded("script", { src: `${TARGET}/jobs` }, () => "a script ran"));
  go("module", () => loaded("script", { src: `${TARGET}/jobs`, type: "module" }, () => "a module ran"));
  go("link", () => loaded("link", { href: `${TARGET}/jobs`, rel: "stylesheet" }, (it) => it.sheet.cssRules.length));
  go("prefetch", () => loaded("link", { href: `${TARGET}/jobs`, rel: "prefetch" }));
  go("iframe", () => loaded("iframe", { src: `${TARGET}/jobs` }, (it) => it.contentDocument.body.innerText));
  go("object", () => loaded("object", { data: `${TARGET}/jobs` }, (it) => it.contentDocument.body.innerText));
  go("audio", () => loaded("audio", { src: `${TARGET}/events` }));
  go("EventSource", () => events(`${TARGET}/events`));
  go("WebSocket", () => socket(`${TARGET.replace("http", "ws")}/events`));
  go("import", async () => JSON.stringify(await import(`${TARGET}/openapi.json`)));
  if (navigator.serviceWorker && isSecureContext) go("service worker", serviceWorker);
  await Promise.all(all);
  return { tried, read };
}
