// The draft of a run lives in this browser, one for all its tabs. A tab never writes over what another one has saved since.

const KEPT = "studio-draft";

export class KeptDraft {
  // `stale` is called when another tab has saved something else: with when it did, or null when it started over.
  constructor(stale) {
    this.stale = stale;
    this.version = null;
    window.addEventListener("storage", (event) => { if (event.key === KEPT || event.key === null) this.look(); });
  }

  load() {
    const { saved, ...draft } = stored();
    this.version = saved ? saved.version : null;
    this.written = JSON.stringify(draft);
    return draft;
  }

  // Whether it was saved. What another tab saved meanwhile stays unless `over` says that a person wants it gone.
  save(draft, { over = false } = {}) {
    const content = JSON.stringify(draft);
    const { saved, ...other } = stored();
    const theirs = saved ? saved.version : null;
    if (JSON.stringify(other) === content) this.version = theirs;
    else if (theirs !== this.version && !over) { this.stale(saved ? saved.at : null); return false; }
    else {
      this.version = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
      localStorage.setItem(KEPT, JSON.stringify({ ...draft, saved: { version: this.version, at: Date.now() } }));
    }
    this.written = content;
    return true;
  }

  forget() {
    localStorage.removeItem(KEPT);
  }

  look() {
    const { saved, ...other } = stored();
    const theirs = saved ? saved.version : null;
    if (JSON.stringify(other) === this.written) this.version = theirs;
    else if (theirs !== this.version) this.stale(saved ? saved.at : null);
  }
}

function stored() {
  try { return JSON.parse(localStorage.getItem(KEPT)) || {}; } catch { return {}; }
}
