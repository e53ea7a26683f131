// The gallery of all broken images: small ones to choose from, and one at a time, enlarged, beside its original.
(() => {
  const PAGE = 48;
  const SHOWN = 320; // px, about, of the longer side of an enlarged picture
  const BLINK = 500; // ms; slower than the three flashes a second that no page may exceed
  const FACTORS = [100, 50, 20, 10, 5, 2, 1];

  const place = document.querySelector(".broken");
  const { originals, images } = JSON.parse(place.querySelector("script").textContent);
  const find = (selector) => place.querySelector(selector);
  place.samples = new Set(images.map(({ sample }) => sample)); // what rows.js may link to

  async function pixels(png) {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height);
  }

  // The three pictures of a broken image: its change is kept about 128 and is added modulo 256.
  async function pictures({ sample, change }) {
    const [original, moved] = await Promise.all([pixels(originals[sample]), pixels(change)]);
    const empty = () => new ImageData(original.width, original.height);
    const [adversarial, difference] = [empty(), empty()];
    const changes = original.data.map((value, k) => (value + moved.data[k] - 128) & 255);
    const signed = Array.from(changes, (value, k) => value - original.data[k]);
    const colour = (k) => k % 4 !== 3;
    const largest = signed.reduce((most, value, k) => (colour(k) ? Math.max(most, Math.abs(value)) : most), 0);
    const factor = FACTORS.find((each) => each * largest <= 127) ?? 0.5;
    for (let k = 0; k < changes.length; k++) {
      adversarial.data[k] = colour(k) ? changes[k] : 255;
      difference.data[k] = colour(k) ? 128 + Math.trunc(signed[k] * factor) : 255;
    }
    return { original, adversarial, difference, factor: factor < 1 ? "÷ 2" : `× ${factor}` };
  }

  function paint(canvas, picture) {
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  // The small pictures.

  const chosen = {};
  let shown = 0;
  let listed = images;

  function filter(key, name) {
    const values = [...new Set(images.map((image) => image[key]))];
    if (values.length < 2) return;
    const select = document.createElement("select");
    select.add(new Option("all", ""));
    for (const value of key === "level" ? values : values.sort()) select.add(new Option(value));
    select.addEventListener("change", () => {
      chosen[key] = select.value;
      listed = images.filter((image) => Object.entries(chosen).every(([own, value]) => !value || image[own] === value));
      find(".thumbs").replaceChildren();
      shown = 0;
      more();
    });
    const label = document.createElement("label");
    label.append(name, select);
    find(".filters").append(label);
  }

  function more() {
    for (const image of listed.slice(shown, shown + PAGE)) {
      const button = document.createElement("button");
      const canvas = document.createElement("canvas");
      const lines = [`${image.true} → ${image.answer}`, image.level].map((text) => {
        const line = document.createElement("span");
        line.textContent = text;
        return line;
      });
      button.type = "button";
      button.append(canvas, lines[0], " ", lines[1]);
      button.setAttribute("aria-label", `Image ${image.sample}: ${image.true} → ${image.answer} ${image.level}`);
      button.addEventListener("click", () => view(image));
      find(".thumbs").append(button);
      pictures(image).then(({ adversarial }) => paint(canvas, adversarial));
    }
    shown += PAGE;
    find(".more").hidden = shown >= listed.length;
  }

  // The enlarged one.

  const dialog = find("dialog");
  const canvas = find(".stage canvas");
  let current = null;
  let drawn = null;
  let shows = "adversarial";
  let zoom = 1;
  let timer = null;

  async function view(image) {
    current = image;
    find("#viewed").textContent = `Image ${image.sample}: ${image.true} (${image.sure[0]}) → ${image.answer} (${image.sure[1]})`;
    find("dialog .facts").textContent = image.facts.join(" · ");
    find(".levels").replaceChildren(
      ...images.filter(({ sample }) => sample === image.sample).map((other) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = other.level;
        button.setAttribute("aria-pressed", other === image);
        button.addEventListener("click", () => view(other));
        return button;
      }),
    );
    find(".previous").disabled = !beside(-1);
    find(".next").disabled = !beside(1);
    if (!dialog.open) dialog.showModal();
    if (location.hash !== `#sample-${image.sample}`) history.replaceState(null, "", `#sample-${image.sample}`);
    const made = await pictures(image);
    if (current !== image) return;
    drawn = made;
    show(shows);
  }

  function show(name) {
    shows = name;
    if (!drawn) return;
    const picture = drawn[name];
    const { width, height } = picture;
    paint(canvas, picture);
    const scale = Math.max(1, Math.round(SHOWN / Math.max(width, height))) * zoom;
    canvas.style.width = `${width * scale}px`;
    canvas.style.height = `${height * scale}px`;
    const title = name === "difference" ? `Difference, ${drawn.factor}, about mid-grey` : `${name} image`;
    canvas.setAttribute("aria-label", `${title} of image ${current.sample}`);
    for (const button of place.querySelectorAll("[data-view]"))
      button.setAttribute("aria-pressed", button.dataset.view === name);
  }

  function flicker(on) {
    clearInterval(timer);
    timer = on ? setInterval(() => show(shows === "original" ? "adversarial" : "original"), BLINK) : null;
    find(".flicker").setAttribute("aria-pressed", on);
  }

  function choose(name) {
    flicker(false);
    show(name);
  }

  function magnify(times) {
    zoom = Math.min(8, Math.max(0.5, zoom * times));
    show(shows);
  }

  const beside = (step) => listed[listed.indexOf(current) + step];

  function turn(step) {
    const next = beside(step);
    if (next) view(next);
  }

  const keys = {
    1: () => choose("original"),
    2: () => choose("adversarial"),
    3: () => choose("difference"),
    f: () => flicker(!timer),
    "-": () => magnify(0.5),
    "+": () => magnify(2),
    p: () => turn(-1),
    n: () => turn(1),
  };
  dialog.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) keys[event.key.toLowerCase()]?.();
  });
  dialog.addEventListener("close", () => {
    flicker(false);
    history.replaceState(null, "", "#gallery");
  });
  for (const button of place.querySelectorAll("[data-view]"))
    button.addEventListener("click", () => choose(button.dataset.view));
  find(".flicker").addEventListener("click", keys.f);
  find(".smaller").addEventListener("click", keys["-"]);
  find(".larger").addEventListener("click", keys["+"]);
  find(".previous").addEventListener("click", keys.p);
  find(".next").addEventListener("click", keys.n);
  find(".close").addEventListener("click", () => dialog.close());
  find(".more").addEventListener("click", more);

  // A link to a sample opens it.

  function follow() {
    const number = location.hash.match(/^#sample-(\d+)$/)?.[1];
    const image = number && images.find(({ sample }) => sample === Number(number));
    if (image) view(image);
  }
  addEventListener("hashchange", follow);

  filter("level", "found by");
  filter("true", "class");
  filter("answer", "answer");
  more();
  follow();
})();
