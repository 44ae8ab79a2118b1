// What pages gain from a script: they keep up to date, times count, commands are copied, JSON is checked as it is typed.
// Everything else works without it.

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

function readClock(response) {
  const date = Date.parse(response.headers.get("Date") ?? "");
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

// Replaces the living part, and leaves whoever uses it where they were.
function replace(live, markup) {
  const before = announcement(live);
  const focused = live.contains(document.activeElement) ? document.activeElement : null;
  const open = [...live.querySelectorAll("details[open]")].map((element) => element.id);
  const scrolled = live.querySelector(".scroll")?.scrollLeft ?? 0;
  const parsed = new DOMParser().parseFromString(markup, "text/html");
  live.replaceChildren(...parsed.body.childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  const box = live.querySelector(".scroll");
  if (box) box.scrollLeft = scrolled;
  if (focused?.id) document.getElementById(focused.id)?.focus({ preventScroll: true });
  else if (focused?.classList.contains("scroll")) box?.focus({ preventScroll: true });
  offerCopies();
  count();
  const after = announcement(live);
  return before !== after ? after : "";
}

function announcement(live) {
  return live.querySelector("[data-announce]")?.dataset.announce ?? "";
}

function say(text, { loud }) {
  const note = document.getElementById("live-note");
  note.classList.toggle("unheard", !loud);
  if (note.textContent !== text) note.textContent = text;
}

class Poll {
  constructor(live, seconds) {
    this.live = live;
    this.pause = seconds * 1000;
    this.tag = "";
    this.failures = 0;
    this.ended = false;
    this.asking = false;
  }

  async ask() {
    const headers = { "Regen-Live": "1" };
    if (this.tag) headers["If-None-Match"] = this.tag;
    const signal = AbortSignal.timeout(15000);
    const response = await fetch(location.href, { headers, cache: "no-store", credentials: "same-origin", redirect: "error", signal });
    readClock(response);
    if (response.status === 401) {
      this.ended = true;
      const link = document.createElement("a");
      link.href = `/admin/login?next=${encodeURIComponent(location.pathname + location.search)}`;
      link.textContent = "Sign in again";
      say("Your session has ended, and this page is no longer kept up to date. ", { loud: true });
      document.getElementById("live-note").append(link);
      return;
    }
    if (response.status === 200) {
      const markup = await response.text();
      const selection = getSelection();
      // Text that somebody is marking would be lost; the next answer comes soon.
      if (!selection.isCollapsed && this.live.contains(selection.anchorNode)) return;
      const news = replace(this.live, markup);
      this.tag = response.headers.get("ETag") ?? "";
      say(news, { loud: false });
    } else if (response.status !== 304) {
      throw new Error(`status ${response.status}`);
    }
    if (this.failures > 0) say("", { loud: false });
    this.failures = 0;
    this.live.dataset.polls = String(Number(this.live.dataset.polls ?? "0") + 1);
  }

  async round() {
    if (this.asking || this.ended || document.hidden) return;
    this.asking = true;
    clearTimeout(this.timer);
    try {
      await this.ask();
    } catch {
      this.failures += 1;
      if (this.failures > 1) say("The server does not answer; what is shown may be old. Trying again.", { loud: true });
    }
    this.asking = false;
    if (!this.ended) this.timer = setTimeout(() => this.round(), Math.min(30000, this.pause * 2 ** Math.min(this.failures, 6)));
  }

  start() {
    document.addEventListener("visibilitychange", () => this.round());
    this.timer = setTimeout(() => this.round(), this.pause);
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
const live = document.querySelector("[data-live]");
if (live) new Poll(live, Number(document.body.dataset.poll)).start();
