"use strict";
// The page is whole without any of this: copying, sorting and tabs are conveniences.

function prepareCopying() {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
      } catch {
        // A page opened from disk may not write to the clipboard: select the text instead.
        getSelection().selectAllChildren(source);
        button.textContent = "Selected: press Ctrl+C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2500);
    });
  }
}

// "2 h 05 min" -> 7500, "+3.36 pt [..]" -> 3.36, "<.001" -> 0.0009; null where a cell has no number to sort by.
function numberIn(text) {
  const span = text.match(/^(?:(\d+) h )?(?:([\d.]+) min)?(?:([\d.]+) s)?$/);
  if (text && span) return 3600 * (span[1] ?? 0) + 60 * (span[2] ?? 0) + Number(span[3] ?? 0);
  const found = text.replace(/,(?=\d{3})/g, "").replace("−", "-").match(/^[^\d\-.]{0,3}(-?\d*\.?\d+(?:e[+-]?\d+)?)/i);
  if (!found) return null;
  return text.startsWith("<") ? Number(found[1]) * 0.9 : Number(found[1]);
}

function compareBy(column, isNumeric, sign) {
  const key = (row) => row.cells[column].textContent.trim();
  return (one, other) => {
    if (!isNumeric) return sign * key(one).localeCompare(key(other), "en", {numeric: true});
    const [a, b] = [numberIn(key(one)), numberIn(key(other))];
    if (a === null || b === null) return (a === null) - (b === null);  // what has no number stays last either way
    return sign * (a - b);
  };
}

function prepareSorting() {
  for (const table of document.querySelectorAll("table.data")) {
    const body = table.tBodies[0];
    if (!body || body.rows.length < 3) continue;
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const cells = [...body.rows].map((row) => row.cells[column].textContent.trim());
        const numeric = cells.filter((text) => numberIn(text) !== null).length * 2 > cells.length;
        // Numbers largest first, since that is what one looks for; words from A.
        const before = heading.getAttribute("aria-sort");
        const first = numeric ? "descending" : "ascending";
        const order = before === first ? (numeric ? "ascending" : "descending") : first;
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", order);
        body.append(...[...body.rows].sort(compareBy(column, numeric, order === "ascending" ? 1 : -1)));
      });
    });
  }
}

function prepareTabs() {
  document.querySelectorAll("[data-tabs]").forEach((group, g) => {
    const panels = [...group.children].filter((child) => child.dataset.tab);
    const list = document.createElement("div");
    list.setAttribute("role", "tablist");
    const tabs = panels.map((panel, i) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.textContent = panel.dataset.tab;
      tab.id = `tab-${g}-${i}`;
      panel.id ||= `panel-${g}-${i}`;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      tab.addEventListener("click", () => select(i));
      tab.addEventListener("keydown", (event) => {
        const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
        if (step) select((i + step + panels.length) % panels.length, true);
      });
      return tab;
    });
    function select(chosen, focus = false) {
      tabs.forEach((tab, i) => {
        tab.setAttribute("aria-selected", String(i === chosen));
        tab.tabIndex = i === chosen ? 0 : -1;
        panels[i].hidden = i !== chosen;
      });
      if (focus) tabs[chosen].focus();
    }
    list.append(...tabs);
    group.prepend(list);
    select(0);
  });
}

prepareCopying();
prepareSorting();
prepareTabs();
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
});
