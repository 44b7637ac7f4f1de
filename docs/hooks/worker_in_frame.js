// Browsers start no worker for a page that is read from disk: the script runs in a hidden frame.
window.Worker = class extends EventTarget {
  constructor(address) {
    super();
    this.frame = document.createElement("iframe");
    this.frame.hidden = true;
    document.body.append(this.frame);
    const page = this.frame.contentDocument;
    page.open();
    page.write("<!doctype html><title>worker</title>");
    page.close();
    this.frame.contentWindow.postMessage = (data) =>
      this.dispatchEvent(new MessageEvent("message", { data }));
    const script = page.createElement("script");
    script.src = new URL(address, document.baseURI).href;
    this.loaded = new Promise((resolve) => script.addEventListener("load", resolve));
    page.head.append(script);
  }

  postMessage(data) {
    const message = new MessageEvent("message", { data });
    this.loaded.then(() => this.frame.contentWindow.dispatchEvent(message));
  }

  terminate() {
    this.frame.remove();
  }
};
