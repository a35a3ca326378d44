"use strict";
(() => {
  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

  // What is not known goes last, whichever way.
  const compare = (a, b, numeric, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    if (numeric) return sign * (Number(a.replace("inf", "Infinity")) - Number(b.replace("inf", "Infinity")) || 0);
    return sign * a.localeCompare(b, "en", { numeric: true });
  };

  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, k) => {
      head.querySelector("button").addEventListener("click", () => {
        const order = NEXT[head.getAttribute("aria-sort")];
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", order);
        const sign = order === "descending" ? -1 : 1;
        const numeric = head.classList.contains("n");
        const value = (row) => row.cells[k].dataset.value;
        const sorted = order === "none" ? rows
          : [...rows].sort((a, b) => compare(value(a), value(b), numeric, sign));
        body.append(...sorted);
      });
    });
  }

  // On a small screen the contents cover the page, so they are closed until asked for.
  const contents = document.querySelector(".toc details");
  const small = matchMedia("(max-width: 62rem)");
  const fold = () => { contents.open = !small.matches; };
  small.addEventListener("change", fold);
  fold();
  const links = [...contents.querySelectorAll("a")];
  for (const link of links) {
    link.addEventListener("click", () => { if (small.matches) contents.open = false; });
  }

  // Mark the section that is read.
  const targets = links.map((link) => document.getElementById(link.hash.slice(1)));
  const mark = () => {
    let at = -1;
    targets.forEach((target, k) => {
      if (target.getBoundingClientRect().top < innerHeight / 4) at = k;
    });
    links.forEach((link, k) => {
      if (k === at) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  };
  addEventListener("scroll", () => requestAnimationFrame(mark), { passive: true });
  mark();

  // Nothing stays folded on paper.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
  });
})();
