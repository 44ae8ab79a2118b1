// What pages gain from a script: times count, commands are copied, JSON is checked as it is typed; and what htmx, which keeps
// pages up to date, does not do itself. Everything else works without it.

const DURATIONS = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];

function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  for (const [large, largeName, small, smallName] of DURATIONS) {
    if (whole >= large) {
      return `${Math.floor(whole / large)} ${largeName} ${Math.floor((whole % large) / small)} ${smallName}`;
    }
  }
  return `${whole} s`;
}

// The server's clock, as its answers tell it: the browser's may be wrong.
let clockOffset = 0;

function readClock(request) {
  const date = Date.parse(request.getResponseHeader("Date") ?? "");
  if (!Number.isNaN(date)) clockOffset = date - Date.now();
}

function count() {
  for (const element of document.querySelectorAll("[data-since]")) {
    const text = duration((Date.now() + clockOffset - Date.parse(element.dataset.since)) / 1000);
    if (element.textContent !== text) element.textContent = text;
  }
}

function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
}

function say(text, { loud }) {
  const note = document.getElementById("live-note");
  note.classList.toggle("unheard", !loud);
  if (note.textContent !== text) note.textContent = text;
}

// The part of a page that htmx asks for again and again and replaces. To that this adds: no question while nobody looks,
// longer pauses while the server does not answer, nothing sent again that has not changed, marked text and opened details
// left as they are, and words where something changed or no longer does.
class Live {
  constructor(part) {
    this.part = part;
    this.pause = Number(document.body.dataset.poll) * 1000;
    this.tag = "";
    this.failures = 0;
    this.quietUntil = 0;
    this.ended = false;
    for (const name of ["configRequest", "beforeRequest", "beforeSwap", "afterRequest"]) {
      part.addEventListener(`htmx:${name}`, (event) => this[name](event));
    }
  }

  configRequest({ detail }) {
    if (this.tag) detail.headers["If-None-Match"] = this.tag;
  }

  beforeRequest(event) {
    const isTimed = !event.detail.requestConfig.triggeringEvent;
    if (this.ended || document.hidden || (isTimed && performance.now() < this.quietUntil)) event.preventDefault();
  }

  beforeSwap({ detail }) {
    this.before = null;
    const selection = getSelection();
    // Text that somebody is marking would be lost; the next answer comes soon.
    const isMarked = !selection.isCollapsed && this.part.contains(selection.anchorNode);
    // Only the living part has a tag: a whole page, such as a proxy's own login, is none.
    if (isMarked || !detail.xhr.getResponseHeader("ETag")) detail.shouldSwap = false;
    if (!detail.shouldSwap) return;
    this.before = {
      words: this.words(),
      open: [...this.part.querySelectorAll("details[open]")].map((element) => element.id),
      scrolled: this.part.querySelector(".scroll")?.scrollLeft ?? 0,
    };
  }

  afterRequest({ detail }) {
    const { xhr } = detail;
    const tag = xhr.getResponseHeader("ETag");
    if (xhr.status === 401) this.end();
    else if ((xhr.status === 200 || xhr.status === 304) && tag) this.heard(xhr, tag);
    else this.unheard();
  }

  heard(xhr, tag) {
    readClock(xhr);
    if (this.before) this.restore(tag);
    else if (this.failures > 0) say("", { loud: false });
    this.before = null;
    this.failures = 0;
    this.quietUntil = 0;
  }

  restore(tag) {
    this.tag = tag;
    for (const id of this.before.open) document.getElementById(id)?.setAttribute("open", "");
    const box = this.part.querySelector(".scroll");
    if (box) box.scrollLeft = this.before.scrolled;
    offerCopies();
    count();
    const words = this.words();
    say(words === this.before.words ? "" : words, { loud: false });
  }

  words() {
    return this.part.querySelector("[data-announce]")?.dataset.announce ?? "";
  }

  unheard() {
    this.failures += 1;
    this.quietUntil = performance.now() + Math.min(30000, this.pause * 2 ** Math.min(this.failures, 6));
    if (this.failures > 1) say("The server does not answer; what is shown may be old. Trying again.", { loud: true });
  }

  end() {
    this.ended = true;
    const link = document.createElement("a");
    link.href = `/admin/login?next=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = "Sign in again";
    say("Your session has ended, and this page is no longer kept up to date. ", { loud: true });
    document.getElementById("live-note").append(link);
  }
}

function checkJson(area) {
  let fault = "";
  if (area.value.trim()) {
    try {
      JSON.parse(area.value);
    } catch (error) {
      fault = `Expected JSON: ${error.message}`;
    }
  }
  area.setCustomValidity(fault);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-json]")) checkJson(event.target);
});
for (const area of document.querySelectorAll("[data-json]")) checkJson(area);

offerCopies();
count();
setInterval(count, 1000);
document.getElementById("errors")?.focus();
const live = document.getElementById("live");
if (live) new Live(live);
