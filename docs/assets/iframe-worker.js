// Search runs in a Worker, which browsers refuse to a page that was opened as a file: there it runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    #waiting = [];
    #frame = document.createElement("iframe");

    constructor(address) {
      super();
      this.#frame.hidden = true;
      this.#frame.srcdoc = "<!doctype html><title>Search</title>";
      this.#frame.addEventListener("load", () => this.#start(address), { once: true });
      document.addEventListener("DOMContentLoaded", () => document.body.append(this.#frame));
      if (document.body) document.body.append(this.#frame);
    }

    #start(address) {
      const inside = this.#frame.contentWindow;
      // What the script posts is for the page, as it would be in a Worker.
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = inside.document.createElement("script");
      script.src = address;
      script.addEventListener("load", () => {
        for (const data of this.#waiting.splice(0)) this.#send(data);
        this.#waiting = null;
      });
      inside.document.body.append(script);
    }

    #send(data) {
      this.#frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
    }

    postMessage(data) {
      if (this.#waiting) this.#waiting.push(data);
      else this.#send(data);
    }

    terminate() {
      this.#frame.remove();
    }
  };
}
