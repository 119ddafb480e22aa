// What a sighted reader would stumble over, measured in the page. Each function returns a list of complaints.
const probe = {
  openAll() {
    for (const part of document.querySelectorAll("details")) part.open = true;
    for (const panel of document.querySelectorAll("[role=tabpanel]")) panel.hidden = false;
  },

  undrawn() {
    const found = [];
    for (const svg of document.querySelectorAll("svg:not(svg svg)")) {
      if (!svg.getClientRects().length) continue;  // not shown at this width
      const box = svg.getBoundingClientRect();
      const marks = [...svg.querySelectorAll("line, path, circle, rect, polyline, polygon, text, use")];
      const drawn = marks.some((mark) => { const b = mark.getBoundingClientRect(); return b.width + b.height > 0; });
      if (box.width < 8 || box.height < 8 || !drawn) found.push(svg.outerHTML.slice(0, 200));
    }
    for (const image of document.images) if (!image.naturalWidth) found.push(image.outerHTML.slice(0, 200));
    return found;
  },

  smallText(least_px) {
    const found = [];
    for (const text of document.querySelectorAll("svg text")) {
      const shown = text.getBoundingClientRect();
      if (!text.textContent.trim() || !shown.height) continue;
      const matrix = text.getScreenCTM();
      const scale = Math.hypot(matrix.a, matrix.b);  // of text that leans, too
      const size = parseFloat(getComputedStyle(text).fontSize) * scale;
      if (size < least_px) found.push(`${size.toFixed(1)} px: ${text.textContent}`);
    }
    return found;
  },

  // WCAG 2.1, 1.4.3: the ratio of relative luminances of text and what is behind it.
  faintText(least) {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const parse = (color) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const over = (top, below) => top.slice(0, 3).map((v, i) => v * top[3] + below[i] * (1 - top[3]));
    const luminance = (rgb) => {
      const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
      const layers = [];
      for (let at = element; at; at = at.parentElement) layers.unshift(parse(getComputedStyle(at).backgroundColor));
      return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
    };
    const found = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (!walker.currentNode.textContent.trim() || element.closest("script, style, title, desc, [aria-hidden=true]")) continue;
      if (!element.getClientRects().length) continue;
      const style = getComputedStyle(element);
      const ink = parse(element.closest("svg") ? style.fill : style.color);
      ink[3] *= parseFloat(style.opacity);
      const ground = behind(element);
      const [one, other] = [luminance(over(ink, ground)), luminance(ground)].sort((x, y) => y - x);
      const ratio = (one + 0.05) / (other + 0.05);
      if (ratio < least) found.add(`${ratio.toFixed(2)}: <${element.tagName} class="${element.getAttribute("class")}"> ${walker.currentNode.textContent.trim().slice(0, 40)}`);
    }
    return [...found];
  },

  skippedHeadings() {
    const found = [];
    let before = 0;
    for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
      const level = Number(heading.tagName[1]);
      if (level > before + 1) found.push(`h${before} then ${heading.outerHTML}`);
      before = level;
    }
    return found;
  },
};
