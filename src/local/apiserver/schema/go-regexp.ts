const classes: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  digit: '0-9',
  lower: 'a-z',
  upper: 'A-Z',
  punct: '!-/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

/**
 * A JavaScript expression for a Go (RE2) one, as CRD patterns are written. Throws a SyntaxError for what RE2 does not know:
 * look-around and back-references.
 */
export function goRegExp(pattern: string, flags = ''): RegExp {
  const unsupported = /(?<!\\)(?:\\\\)*(\(\?(?:=|!|<=|<!)|\\[1-9])/.exec(pattern)?.[1];
  if (unsupported) throw new SyntaxError(`error parsing regexp: invalid or unsupported Perl syntax: \`${unsupported}\``);
  const leading = /^(\^?)\(\?([ims]+)\)/.exec(pattern);
  const body = (leading ? pattern.slice(leading[0].length) : pattern)
    .replace(/\[:(\w+):\]/g, (whole, name: string) => classes[name] ?? whole)
    .replaceAll('(?P<', '(?<')
    .replaceAll('\\A', '^')
    .replaceAll('\\z', '$');
  const source = leading ? `${leading[1]}(?${leading[2]}:${body})` : body;
  try {
    return new RegExp(source, `${flags}u`);
  } catch (error) {
    // RE2 allows escapes of ordinary characters (`\_`, `\"`), which JavaScript allows only without the u flag.
    if (error instanceof SyntaxError && /escape/i.test(error.message)) return new RegExp(source, flags);
    throw error;
  }
}
