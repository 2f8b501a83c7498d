// Push the adapter to the Hub: name it, see the card, send it, use it.
import { Refusal, api, bytes, busy, code, h, patch, problem, progressBar, when } from "./core.js";

export class Publish {
  constructor(page) {
    this.page = page;
    this.element = h("section", { class: "at-stack" });
    this.built = false;
    this.timer = null;
  }

  update() {
    const ready = this.page.run.state === "succeeded" && this.page.report;
    if (!ready && !this.waiting) {
      this.waiting = true;
      this.element.replaceChildren(h("div", { class: "at-card at-empty" }, h("p", {}, "When the run is finished, publish the adapter to the Hugging Face Hub from here.")));
    }
    if (ready && !this.built && !this.element.hidden) this.build();
  }

  open() { this.update(); }

  build() {
    this.built = true;
    const slug = this.page.run.name.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").toLowerCase().slice(0, 60) || "adapter";
    this.repository = h("input", { class: "at-input", name: "repository", value: slug, maxlength: "200", spellcheck: "false", autocapitalize: "off", oninput: () => this.later() });
    this.findings = h("div", { class: "at-stack", style: { gap: "8px" }, "aria-live": "polite" });
    this.button = h("button", { class: "at-button at-primary" }, "Push to the Hub");
    const radio = (value, name, text, checked) => h("label", {}, h("input", { type: "radio", name: "visibility", value, checked, onchange: () => this.later() }), h("span", {}, h("b", {}, name), ` ${text}`));
    this.form = h("form", { class: "at-stack", onsubmit: (event) => { event.preventDefault(); this.push(); } },
      h("label", { class: "at-field" }, h("span", {}, "Repository"), this.repository, h("small", { class: "at-quiet" }, "A name, or owner/name for an organisation. Pushing again to the same name updates it.")),
      h("fieldset", { class: "at-radio" }, h("legend", { class: "at-visually-hidden" }, "Who can see it"), radio("private", "Private:", "only you and those you invite", true), radio("public", "Public:", "everybody", false)),
      this.findings, h("div", { class: "at-actions" }, this.button));
    this.past = h("div", { class: "at-stack" });
    this.usage = h("div", { hidden: true });
    this.preview = h("div", { class: "at-preview", tabindex: "0" }, h("p", { class: "at-quiet" }, "Writing the card…"));
    this.element.replaceChildren(
      h("div", { class: "at-two" },
        h("div", { class: "at-stack" }, h("div", { class: "at-card" }, h("h2", {}, "Publish to the Hugging Face Hub"), this.form), this.past),
        h("div", { class: "at-card" }, h("h2", {}, "The model card"), h("p", { class: "at-hint" }, "What the repository's page will show. It holds counts and label names, no rows of your data."), this.preview)), this.usage);
    this.check();
    this.follow();
  }

  asked() {
    return { repository: this.repository.value.trim(), private: this.form.elements.visibility.value === "private" };
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), 500);
  }

  async check() {
    const turn = (this.turn = (this.turn || 0) + 1);
    this.findings.replaceChildren(h("p", { class: "at-quiet" }, "Asking the Hub…"));
    let shown;
    let account = null;
    let able = true;
    try {
      const answer = await api(`/runs/${this.page.id}/publications/check`, { method: "POST", json: this.asked() });
      account = answer.account;
      shown = answer.findings.map((one) => h("div", { class: `at-notice ${one.severity === "error" ? "at-bad" : "at-warn"}` }, h("p", {}, `${one.message} ${one.remedy}`.trim()),
        one.code.startsWith("token") ? h("a", { class: "at-button at-small", href: "/settings" }, "Open settings") : null));
      able = !answer.findings.some((one) => one.severity === "error");
      if (answer.account && able) shown.unshift(h("p", { class: "at-quiet" }, `As ${answer.account}. The token may write there.`));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      shown = [problem(error.message)];
    }
    if (turn !== this.turn) return;
    this.findings.replaceChildren(...shown);
    this.button.disabled = !able;
    const { repository } = this.asked();
    await this.showCard(account && !repository.includes("/") ? `${account}/${repository}` : repository);
  }

  async showCard(repository) {
    const turn = (this.cardTurn = (this.cardTurn || 0) + 1);
    try {
      const card = await api(`/runs/${this.page.id}/card?repository=${encodeURIComponent(repository)}`);
      if (turn !== this.cardTurn) return;
      const parsed = new DOMParser().parseFromString(card.html, "text/html");  // the server escaped every word of it
      this.preview.replaceChildren(...parsed.body.childNodes);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.preview.replaceChildren(problem(error.message));
    }
  }

  async push() {
    await busy(this.page.root, this.button, async () => {
      await api(`/runs/${this.page.id}/publish`, { method: "POST", json: this.asked() });
      await this.follow();
    });
  }

  async follow() {
    clearTimeout(this.following);
    let publications;
    try {
      ({ publications } = await api(`/runs/${this.page.id}`));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.following = setTimeout(() => this.follow(), 3000);
      return;
    }
    patch(this.past, publications, () => publications.map((one) => this.row(one)));
    const done = publications.find((one) => one.state === "published");
    this.usage.hidden = !done;
    if (done && this.usage.shownUrl !== done.url) {
      const id = done.url.split("/").slice(-2).join("/");
      const card = await api(`/runs/${this.page.id}/card?repository=${encodeURIComponent(id)}`).catch(() => null);
      if (card) { this.usage.shownUrl = done.url; this.usage.replaceChildren(this.ways(card)); }
    }
    if (publications.some((one) => ["pending", "uploading"].includes(one.state)) && this.element.isConnected) this.following = setTimeout(() => this.follow(), 700);
  }

  row(one) {
    const name = `${one.repository} (${one.private ? "private" : "public"})`;
    if (one.state === "published") {
      return h("div", { class: "at-notice at-good", "data-publication": one.state }, h("p", {}, `Published ${when(one.created_at)}: `, h("a", { href: one.url, target: "_blank", rel: "noopener" }, one.url)),
        h("a", { class: "at-button at-small", href: one.url, target: "_blank", rel: "noopener" }, "Open on the Hub"));
    }
    if (one.state === "failed") {
      return problem(`${name}: ${one.reason}\nThe adapter is safe on this machine.`, h("button", {
        type: "button", class: "at-button at-small",
        onclick: (event) => busy(this.page.root, event.currentTarget, async () => { await api(`/publications/${one.id}/retry`, { method: "POST" }); await this.follow(); }),
      }, "Retry"));
    }
    const share = one.total_bytes ? one.uploaded_bytes / one.total_bytes : null;
    return h("div", { class: "at-card at-stack", style: { gap: "8px" } }, h("p", {}, one.state === "pending" ? `Waiting to push ${name}` : `Pushing ${name}: ${bytes(one.uploaded_bytes)} of ${bytes(one.total_bytes)}`), progressBar(share, "Upload"));
  }

  ways({ python, space, inputs }) {
    const body = JSON.stringify({ inputs: [inputs] }).replaceAll("'", "\u2019");
    const curl = `curl -s ${location.origin}/api/runs/${this.page.id}/predict \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
    return h("div", { class: "at-card at-stack" }, h("h2", {}, "Three ways to use it"),
      h("h3", {}, "Python"), code(python), h("h3", {}, "curl, from this app"), code(curl), h("h3", {}, "A Gradio Space of your own"), code(space));
  }
}
