// Charts in place of drawings, each as it comes into sight: what a mark says on hovering, and legends that hide series.
(() => {
  async function draw(chart) {
    const spec = JSON.parse(chart.querySelector("script").textContent);
    const series = spec.usermeta.series;
    const hidden = new Set();
    const place = document.createElement("div");
    place.className = "live";
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", chart.querySelector(".still").getAttribute("aria-label"));
    chart.append(place);
    const { view } = await vegaEmbed(place, spec, {
      mode: "vega",
      ast: true, // the page's policy allows no code made from text
      actions: false,
      renderer: "svg",
      defaultStyle: false,
      tooltip: (_, event, item, said) => tell(event, hidden.has(item?.datum?.[series]) ? null : said),
    });
    // Vega calls groups symbols without a name, and hides legends; the place has the name, and legends are buttons.
    for (const part of place.querySelectorAll("svg, svg *"))
      for (const name of ["role", "aria-hidden", "aria-roledescription"]) part.removeAttribute(name);
    chart.classList.add("drawn");
    if (series) legend(place, view, hidden);
  }

  const tip = document.createElement("table");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);

  // What a mark stands for, name by name, beside the pointer.
  function tell(event, said) {
    tip.hidden = !said;
    if (!said) return;
    tip.replaceChildren();
    for (const [name, value] of Object.entries(said)) {
      const row = tip.insertRow();
      row.insertCell().textContent = name;
      row.insertCell().textContent = value;
    }
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(0, Math.min(event.clientX + 12, innerWidth - width - 8))}px`;
    tip.style.top = `${Math.max(0, Math.min(event.clientY + 12, innerHeight - height - 8))}px`;
  }

  // The entries of the legend become buttons. Vega keeps what an element stands for in its __data__.
  function legend(place, view, hidden) {
    for (const label of place.querySelectorAll(".role-legend-label text")) {
      const value = label.__data__.datum.value;
      const button = label.closest(".role-scope > g");
      button.classList.add("toggle");
      for (const [name, set] of Object.entries({ role: "button", tabindex: 0, "aria-pressed": true, "aria-label": value }))
        button.setAttribute(name, set);
      const toggle = () => {
        if (!hidden.delete(value)) hidden.add(value);
        button.setAttribute("aria-pressed", !hidden.has(value));
        view.signal("hidden", [...hidden]).runAsync();
      };
      button.addEventListener("click", toggle);
      button.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        toggle();
      });
    }
  }

  const seen = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        seen.unobserve(target);
        draw(target);
      }
    },
    { rootMargin: "300px" },
  );
  for (const chart of document.querySelectorAll(".chart")) seen.observe(chart);
})();
