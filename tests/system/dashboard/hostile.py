# SPDX-License-Identifier: Apache-2.0
"""300 texts that a citizen could send and that a page must show as text: what a browser, a spreadsheet, a template, a
database or an eye would take for something else. Each begins with its number, so that a test finds it again."""

WORDS = [
    "<script>alert({n})</script>", "<img src=x onerror=alert({n})>", "<svg onload=alert({n})>", "\"><script>alert({n})</script>",
    "'><img src=//evil.invalid/{n} onerror=alert({n})>", "<iframe src=javascript:alert({n})>", "javascript:alert({n})",
    "<a href=javascript:alert({n})>klik</a>", "<body onload=alert({n})>", "<details open ontoggle=alert({n})>",
    "<style>*{{background:url(//evil.invalid/{n})}}</style>", "<link rel=stylesheet href=//evil.invalid/{n}.css>",
    "<meta http-equiv=refresh content='0;url=//evil.invalid/{n}'>", "<base href=//evil.invalid/{n}/>", "<form action=//evil.invalid/{n}><input name=a>",
    "<object data=//evil.invalid/{n}>", "<embed src=//evil.invalid/{n}>", "<video src=//evil.invalid/{n} onerror=alert({n})>",
    "<math><mtext><script>alert({n})</script></mtext></math>", "<template><script>alert({n})</script></template>", "<noscript><p title=\"</noscript><img src=x onerror=alert({n})>\">",
    "{{{{constructor.constructor('alert({n})')()}}}}", "${{alert({n})}}", "#{{7*{n}}}", "<%= {n} %>", "{{% raw %}}{n}", "=HYPERLINK(\"//evil.invalid/{n}\",\"klik\")",
    "+{n}+cmd|' /C calc'!A0", "-{n}+1", "@SUM(1+{n})", "\t=1+{n}", "|calc {n}", "%0d%0aSet-Cookie: a={n}", "'; DROP TABLE aduan; -- {n}", "\" OR \"1\"=\"1 {n}",
    "\\u003cscript\\u003ealert({n})\\u003c/script\\u003e", "&lt;script&gt;alert({n})&lt;/script&gt;", "&#60;img src=x onerror=alert({n})&#62;", "</title><script>alert({n})</script>",
    "</textarea><script>alert({n})</script>", "<!--<script>alert({n})</script>-->", "<![CDATA[<script>alert({n})</script>]]>", "]]></script>{n}",
    "\u202ealert({n})\u202c dibalik", "a\u200bb\u200cc\u200dd{n}\ufeff", "\u2066{n}\u2069 \u061c", "\x1b[31mmerah {n}\x1b[0m", "\x07bel {n}\x08",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033da{n}", "\U0001f468\u200d\U0001f469\u200d\U0001f467 {n}", "\u0645\u0631\u062d\u0628\u0627 {n}", "\u4f60\u597d {n}", "\u0130stanbul\u0131 {n}",
    "x" * 300 + "{n}", "kata" * 50 + " {n}", "%s%s%n{n}", "../../../etc/passwd {n}", "file:///etc/passwd {n}", "data:text/html,<script>alert({n})</script>",
    "__proto__ {n}", "constructor {n}", "toString {n}", "[object Object] {n}", "NaN {n}", "null {n}", "undefined {n}", "true {n}", "<b>tebal</b> {n}", "**tebal** [x](javascript:alert({n}))",
    "<img src=\"x\" srcset=\"//evil.invalid/{n} 2x\">", "<input autofocus onfocus=alert({n})>", "<marquee onstart=alert({n})>", "<x contenteditable onblur=alert({n})>",
    "<div style=\"position:fixed;inset:0;background:red\">{n}</div>", "\"onmouseover=\"alert({n})", "' onclick='alert({n})", "`onfocus=`alert({n})",
]


def texts(count=300):
    made = []
    for n in range(count):
        text = WORDS[n % len(WORDS)].format(n=n)
        if n >= len(WORDS):  # a second and third round: nested in others
            text = [f"<p>{text}", f"{text}{text}", f"<ScRiPt\n>{text}", f"Jalan rusak {text} dekat pasar"][n // len(WORDS) % 4]
        made.append(text.replace("\x00", ""))
    return made
