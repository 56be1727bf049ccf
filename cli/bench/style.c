/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * style.c - how the page looks: on a phone, on a screen, on paper, by day and by night
 *
 * Colours are named by what they are for, and change with the reader's preference alone. The eight
 * of the curves differ in lightness too, so that they can be told apart without seeing colours;
 * what belongs to Sluice is drawn thicker.
 */
#include "page.h"

const char bench_style[] =
	":root{color-scheme:light dark;--page:#fbfbf9;--ink:#1d2126;--soft:#59626c;--line:#d9dbd6;"
	"--panel:#fff;--good:#1a6b36;--bad:#b3261e;--s0:#6b7280;--s1:#0b5fc0;--s2:#00795c;"
	"--s3:#8a4bd0;--s4:#b4530a;--s5:#a3155c;--s6:#7a6a00;--s7:#3f4650;--s8:#0089a8}\n"
	"@media(prefers-color-scheme:dark){:root{--page:#14171a;--ink:#e7e9ea;--soft:#a3acb5;"
	"--line:#343a40;--panel:#1b1f23;--good:#6fcf8d;--bad:#ff8a80;--s0:#98a1ab;--s1:#6db1ff;"
	"--s2:#4fd1a5;--s3:#c59bff;--s4:#ffab5e;--s5:#ff8ebf;--s6:#e2cf4b;--s7:#d0d5da;--s8:#5fd7f0}}\n"
	"@media print{:root{color-scheme:light;--page:#fff;--ink:#000;--soft:#444;--line:#bbb;"
	"--panel:#fff;--good:#1a6b36;--bad:#b3261e;--s0:#6b7280;--s1:#0b5fc0;--s2:#00795c;"
	"--s3:#8a4bd0;--s4:#b4530a;--s5:#a3155c;--s6:#7a6a00;--s7:#3f4650;--s8:#0089a8}"
	"body{max-width:none;font-size:10pt}details{display:block}figure,table,.tiles{break-inside:avoid}"
	"h2{break-after:avoid}}\n"
	"*{box-sizing:border-box}body{margin:0 auto;padding:1rem;max-width:75rem;background:var(--page);"
	"color:var(--ink);font:1rem/1.5 system-ui,sans-serif}\n"
	"h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}h2{font-size:1.2rem;margin:2.2rem 0 .4rem}"
	"h3{font-size:1rem;margin:1.4rem 0 .3rem}p{margin:.4rem 0;max-width:44rem}"
	".soft{color:var(--soft)}code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}\n"
	".busy{border-left:4px solid var(--bad);padding:.2rem .8rem}\n"
	".tiles{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,10rem),1fr));"
	"margin:1rem 0}.tile{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;"
	"padding:.7rem .9rem}.tile b{display:block;font-size:1.5rem;line-height:1.3}"
	".tile span{color:var(--soft);font-size:.875rem;display:block}\n"
	".charts{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr))}"
	"figure{margin:0;background:var(--panel);border:1px solid var(--line);border-radius:.5rem;"
	"padding:.7rem .6rem}figcaption{font-weight:600;padding:0 .3rem}"
	"figcaption span{font-weight:400;color:var(--soft);font-size:.875rem;display:block}\n"
	"svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font:11px system-ui,sans-serif}"
	".grid{stroke:var(--line);stroke-width:1}.curve{fill:none;stroke-width:1.5;"
	"stroke-linejoin:round}.own{stroke-width:2.6}.dashed{stroke-dasharray:5 3}\n"
	".legend{display:flex;flex-wrap:wrap;gap:.1rem .9rem;list-style:none;margin:.3rem 0 0;"
	"padding:0 .3rem;font-size:.8125rem}.legend li{display:flex;align-items:center;gap:.35rem}"
	".legend svg{width:1.6rem;height:.7rem;flex:none}\n"
	".table{overflow-x:auto;margin:.4rem 0}table{border-collapse:collapse;font-size:.9375rem;"
	"font-variant-numeric:tabular-nums}th,td{padding:.28rem .7rem .28rem 0;text-align:right;"
	"border-bottom:1px solid var(--line);vertical-align:top;white-space:nowrap}"
	"th{font-weight:600;color:var(--soft);font-size:.8125rem}"
	"th:first-child,td:first-child,td.words,th.words{text-align:left}"
	"td.words{white-space:normal;min-width:11rem}td small{color:var(--soft)}"
	"tr.own td:first-child{font-weight:600}tr.floor td{color:var(--soft);font-style:italic}"
	"td.why{text-align:left;white-space:normal;color:var(--soft)}\n"
	"@media screen and (max-width:40rem){table{font-size:.8125rem}th,td{padding-right:.5rem}"
	"th:first-child,td:first-child{white-space:normal}td small{display:block}.cards td{"
	"font-size:.9375rem}.cards thead{display:none}.cards tr{display:block;"
	"background:var(--panel);border:1px solid var(--line);border-radius:.5rem;padding:.5rem .8rem;"
	"margin:.6rem 0}.cards td{display:block;border:0;padding:.1rem 0;text-align:left;"
	"white-space:normal}.cards td:empty{display:none}.cards td:nth-child(n+3)::before{content:"
	"attr(data-label) \": \";color:var(--soft)}.cards table,.cards tbody{display:block}}\n"
	".met{color:var(--good);font-weight:600}.missed{color:var(--bad);font-weight:600}"
	".unknown{color:var(--soft)}\n";
