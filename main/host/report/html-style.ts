/** The style of a report's page: our tokens, light and dark by the reader's system, and always light on paper. */
export const REPORT_STYLE = `
:root{color-scheme:light dark;--paper:#fff;--room:#dfe5e7;--ink:#12181b;--ink-2:#414c52;--ink-3:#566269;--line:#d5dcdf;--sunk:#f5f7f8;--head:#f1f4f5;--accent:#0a6478;--accent-2:#074b5a;--alert:#b3231b;--mark:#f6e3c4;--mark-ink:#12181b}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){--paper:#151a1d;--room:#0c1012;--ink:#e6ecee;--ink-2:#adb9be;--ink-3:#8b989f;--line:#36434a;--sunk:#101517;--head:#1c2327;--accent:#5fc4da;--accent-2:#8fdced;--alert:#ff7b70;--mark:#4a3a1c;--mark-ink:#f6e3c4}}
:root[data-theme=light]{color-scheme:light}
/* Put up by our own app, which has a desk for the paper. */
:root[data-preview]{--room:transparent}
*{box-sizing:border-box}
body{margin:0;padding:18px 12px;background:var(--room);color:var(--ink);font:13px/19px system-ui,-apple-system,"Segoe UI","Noto Sans","DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:900px;margin:0 auto;background:var(--paper);padding:26px 40px 20px;box-shadow:0 1px 3px rgba(0,0,0,.3)}
header{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:20px;align-items:start;border-bottom:2px solid var(--accent);padding-bottom:14px}
h1{margin:0;font-size:24px;line-height:30px;letter-spacing:-.02em;overflow-wrap:anywhere}
h2{margin:22px 0 6px;font-size:15px;line-height:20px;color:var(--accent-2);break-after:avoid}
h3{margin:14px 0 4px;font-size:12px;line-height:16px;break-after:avoid}
p{margin:4px 0;overflow-wrap:anywhere;white-space:pre-wrap}
.kind,footer,.about,.aside,nav span{color:var(--ink-3)}
.kind,footer{font-size:11px}
.about{color:var(--ink-2)}
.thumbnail{width:160px;max-height:120px;object-fit:contain;background:#0b0e10}
.screen{display:block;max-width:100%;background:#0b0e10;border:1px solid var(--line);break-inside:avoid}
nav ul{display:flex;flex-wrap:wrap;gap:2px 14px;list-style:none;margin:10px 0 0;padding:0;font-size:12px}
a{color:var(--accent)}
a:focus-visible,pre:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.callout{margin:9px 0;padding:7px 11px;background:var(--head);border-left:3px solid var(--accent);overflow-wrap:anywhere}
pre,.mono td,.tag,.aside{font-family:ui-monospace,"SF Mono","Cascadia Mono","JetBrains Mono","Noto Sans Mono","DejaVu Sans Mono",Consolas,monospace;font-variant-ligatures:none;font-feature-settings:"zero","calt" 0}
pre{margin:4px 0;padding:6px 10px;background:var(--sunk);border:1px solid var(--line);font-size:11.5px;line-height:17px}
.wide{overflow-x:auto}
mark{background:var(--mark);color:var(--mark-ink)}
table{border-collapse:collapse;font-size:12px;line-height:16px;margin:4px 0}
th{text-align:left;font-weight:600;color:var(--ink-3);font-size:11px}
thead{display:table-header-group}
thead th{background:var(--head);border-bottom:1px solid var(--line);padding:3px 8px;white-space:nowrap}
td{padding:2px 8px;border-bottom:1px solid var(--line);vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere}
.mono td{font-size:11px}
tr{break-inside:avoid}
.facts th{padding:2px 14px 2px 0;vertical-align:top;white-space:nowrap}
.facts td{border:0}
.chain{list-style:none;margin:6px 0;padding:0}
.chain li{display:grid;grid-template-columns:26px minmax(0,1fr) auto;padding-bottom:8px;position:relative;break-inside:avoid}
.chain li:not(.last)::before{content:"";position:absolute;left:8px;top:20px;bottom:0;width:1px;background:var(--ink-3)}
.number{width:18px;height:18px;border-radius:50%;background:var(--ink);color:var(--paper);font-size:11px;font-weight:600;line-height:18px;text-align:center}
.last .number{background:var(--alert)}
.chain p{color:var(--ink-2)}
.tag{font-size:11px;padding:0 5px;background:var(--head);border-radius:3px;color:var(--ink-2)}
.aside{font-size:11px;white-space:nowrap}
footer{margin-top:18px;padding-top:8px;border-top:1px solid var(--line)}
@media (max-width:700px){body{padding:0}main{padding:16px}}
@media print{
@page{margin:14mm}
:root,:root:not([data-theme=light]){color-scheme:light;--paper:#fff;--room:#fff;--ink:#000;--ink-2:#333;--ink-3:#555;--line:#ccc;--sunk:#f7f7f7;--head:#f1f1f1;--accent:#0a6478;--accent-2:#074b5a;--alert:#b3231b;--mark:#f6e3c4;--mark-ink:#000}
body{padding:0;font-size:10.5pt}main{max-width:none;padding:0;box-shadow:none}
.wide{overflow:visible}pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:8pt;line-height:11pt}
table{width:auto;max-width:100%}.mono td{font-size:7.5pt}thead th{white-space:normal}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
`;
