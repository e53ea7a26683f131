// Long tables: sorted, searched, filtered by what a column holds, and page by page.
(() => {
  const MOST_CHOICES = 200;
  const number = (text) => {
    const found = text.replace(/,/g, "").replace("−", "-").match(/∞|-?\d+(\.\d+)?(e[-+]\d+)?/);
    return found ? (found[0] === "∞" ? Infinity : Number(found[0])) : null;
  };
  const escaped = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);

  function column({ key, number: numeric }, place) {
    return {
      cellType: place ? "td" : "th",
      className: numeric ? "number" : "",
      type: numeric ? "num" : "string",
      render(text, purpose) {
        if (purpose === "sort" || purpose === "type") return numeric ? (number(text) ?? -1) : text;
        if (purpose !== "display") return text;
        const linked = key === "sample" && document.querySelector(".broken")?.samples.has(number(text));
        return linked ? `<a href="#sample-${number(text)}">${escaped(text)}</a>` : escaped(text);
      },
    };
  }

  function field(name, control) {
    const label = document.createElement("label");
    label.append(name, control);
    return label;
  }

  function select(choices, changed) {
    const made = document.createElement("select");
    for (const [value, text] of choices) made.add(new Option(text, value));
    made.addEventListener("change", () => changed(made.value));
    return made;
  }

  // Columns of words that come again are filtered by choosing one of them.
  function choices(table, columns, rows) {
    return columns.flatMap(({ name, key, number: numeric }, place) => {
      if (key === "open_at") return []; // which the choice of a level says better
      const values = [...new Set(rows.map((row) => row[place]))].sort();
      if (numeric || values.length < 2 || values.length > Math.min(MOST_CHOICES, rows.length / 2)) return [];
      const all = [["", "all"], ...values.map((value) => [value, value])];
      const filter = (value) => table.column(place).search.fixed("choice", value ? (text) => text === value : null).draw();
      return [field(name.toLowerCase(), select(all, filter))];
    });
  }

  // What is known of an image at one level follows from how far it is proved and from where on it is broken.
  function levels(table, columns) {
    const place = (key) => columns.findIndex((each) => each.key === key);
    const [proved, broken] = ["proved_to", "broken_from"].map(place);
    if (Math.max(proved, broken) < 0) return [];
    const thresholds = [...document.querySelectorAll("tr[id^=level-]")].map((row) => number(row.id.replace(/.*-/, "")));
    const sorted = [...new Set(thresholds)].sort((a, b) => a - b);
    const chosen = { level: sorted.at(-1), status: "" };
    const status = (row) => {
      if ((number(row[broken] ?? "") ?? Infinity) <= chosen.level) return "broken";
      return (number(row[proved] ?? "") ?? -1) >= chosen.level ? "proved" : "open";
    };
    const filter = () =>
      table.search.fixed("level", chosen.status ? (_, row) => status(row) === chosen.status : null).draw();
    const choose = (name) => (value) => {
      chosen[name] = name === "level" ? Number(value) : value;
      filter();
    };
    const level = select(sorted.map((th) => [th, th]), choose("level"));
    level.value = chosen.level;
    const words = [["", "all"], ...["broken", "proved", "open"].map((word) => [word, word])];
    return [field("status", select(words, choose("status"))), field("at th", level)];
  }

  function enliven(place) {
    const { columns, rows } = JSON.parse(place.querySelector("script").textContent);
    const shown = place.querySelector("table");
    shown.tBodies[0].replaceChildren();
    const table = new DataTable(shown, {
      data: rows,
      columns: columns.map(column),
      order: [],
      pageLength: 25,
      autoWidth: false,
      layout: { topStart: null, topEnd: null, bottomStart: "info", bottomEnd: "paging" },
      createdRow: (row) => row.cells[0].setAttribute("scope", "row"),
    });
    const search = document.createElement("input");
    search.type = "search";
    search.addEventListener("input", () => table.search(search.value).draw());
    const filters = document.createElement("div");
    filters.className = "filters";
    filters.append(field("find", search), ...levels(table, columns), ...choices(table, columns, rows));
    place.prepend(filters);
  }

  const seen = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        seen.unobserve(target);
        enliven(target);
      }
    },
    { rootMargin: "300px" },
  );
  for (const place of document.querySelectorAll(".rows")) seen.observe(place);
})();
