// What every page does: it marks the section that is being read, opens what a link leads to, and changes its colours.
(() => {
  const root = document.documentElement;
  root.classList.add("scripts");

  const links = new Map(
    [...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]),
  );
  const headings = [...links.keys()].map((id) => document.getElementById(id));

  function follow() {
    const read = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 3).pop();
    for (const [id, link] of links) {
      if (read?.id !== id) link.removeAttribute("aria-current");
      else if (!link.hasAttribute("aria-current")) {
        link.setAttribute("aria-current", "true");
        const list = link.closest("ol");
        list.scrollTo({ left: link.offsetLeft - list.clientWidth / 3, top: link.offsetTop - list.clientHeight / 2 });
      }
    }
  }
  addEventListener("scroll", () => requestAnimationFrame(follow), { passive: true });
  follow();

  function open() {
    const aim = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let fold = aim?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    aim?.scrollIntoView();
  }
  addEventListener("hashchange", open);
  if (location.hash) open();

  const theme = document.querySelector(".theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.style.colorScheme || (dark.matches ? "dark" : "light")) === "dark";
  const show = () => theme.setAttribute("aria-pressed", isDark());
  theme.addEventListener("click", () => {
    root.style.colorScheme = isDark() ? "light" : "dark";
    show();
  });
  dark.addEventListener("change", show);
  show();

  addEventListener("beforeprint", () => {
    root.style.colorScheme = "";
    for (const fold of document.querySelectorAll("details")) fold.open = true;
  });
})();
