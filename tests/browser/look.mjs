// Opens a page in headless Chromium as several readers would see it and prints what it finds, a JSON
// object a view. Arguments: the address, and a folder for the pictures.
import { existsSync } from "node:fs";
import puppeteer from "puppeteer-core";

const [address, folder] = process.argv.slice(2);
const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
const views = [
  { name: "wide-light", width: 1280, height: 900, scheme: "light" },
  { name: "wide-dark", width: 1280, height: 900, scheme: "dark" },
  { name: "narrow-light", width: 360, height: 740, scheme: "light" },
  { name: "narrow-dark", width: 360, height: 740, scheme: "dark" },
];

// Runs in the page: the text whose contrast to what is behind it is below WCAG AA, 4.5 to 1.
function paleText() {
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const channel = (c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    const pair = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < 4.5) found.add(`${walker.currentNode.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return [...found];
}

// Runs in the page: what sticks out of the window, or out of a box that cannot be scrolled.
function stickingOut() {
  const wide = document.documentElement.scrollWidth - window.innerWidth;
  const found = wide > 0 ? [`the page, by ${wide} px`] : [];
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.checkVisibility() || element.closest("pre, .wide")) continue;
    if (element.getBoundingClientRect().right > window.innerWidth + 1) found.push(element.outerHTML.slice(0, 80));
  }
  return found;
}

const browser = await puppeteer.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
});
const findings = {};
for (const { name, width, height, scheme } of views) {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => complaints.push(`${request.url()} failed`));
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  const response = await page.goto(address, { waitUntil: "networkidle0", timeout: 30000 });
  await page.screenshot({ path: `${folder}/${name}.png` });
  await page.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
  await page.screenshot({ path: `${folder}/${name}-open.png` });
  findings[name] = {
    status: response.status(),
    complaints,
    sticking_out: await page.evaluate(stickingOut),
    pale: await page.evaluate(paleText),
    background: await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    text: await page.evaluate(() => document.body.innerText),
    broken_links: await page.evaluate(() =>
      [...document.querySelectorAll('a[href^="#"]')]
        .filter((a) => !document.getElementById(a.getAttribute("href").slice(1)))
        .map((a) => a.getAttribute("href")),
    ),
  };
  await page.close();
}
await browser.close();
console.log(JSON.stringify(findings));
