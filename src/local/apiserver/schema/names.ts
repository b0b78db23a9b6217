const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelPattern = new RegExp(`^${label}$`);
const subdomainPattern = new RegExp(`^${subdomain}$`);
const serviceLabelPattern = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const qualifiedPattern = new RegExp(`^${qualified}$`);

const tooLong = (limit: number): string => `must be no more than ${limit} bytes`;

/** Why a text is no RFC 1123 label (`pod`, `my-claim`); the messages are those of apimachinery's validation package. */
export function labelProblems(text: string): string[] {
  return [
    ...(text.length > 63 ? [tooLong(63)] : []),
    ...(labelPattern.test(text)
      ? []
      : [
          `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${label}')`,
        ]),
  ];
}

/** Why a text is no RFC 1123 subdomain (`example.com`). */
export function subdomainProblems(text: string): string[] {
  return [
    ...(text.length > 253 ? [tooLong(253)] : []),
    ...(subdomainPattern.test(text)
      ? []
      : [
          `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${subdomain}')`,
        ]),
  ];
}

/** Why a text is no RFC 1035 label, which services need: it begins with a letter. */
export function serviceNameProblems(text: string): string[] {
  return [
    ...(text.length > 63 ? [tooLong(63)] : []),
    ...(serviceLabelPattern.test(text)
      ? []
      : [
          "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
        ]),
  ];
}

/** Why a text is no qualified name (`app.kubernetes.io/name`), the form of label keys, annotation keys and finalizers. */
export function qualifiedNameProblems(text: string): string[] {
  const parts = text.split('/');
  if (parts.length > 2) {
    return [
      "a qualified name must consist of alphanumeric characters, '-', '_' or '.', with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
    ];
  }
  const name = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? parts[0] : undefined;
  return [
    ...(prefix === '' ? ['prefix part must be non-empty'] : []),
    ...(prefix ? subdomainProblems(prefix).map((problem) => `prefix part ${problem}`) : []),
    ...(name === '' ? ['name part must be non-empty'] : []),
    ...(name.length > 63 ? [`name part ${tooLong(63)}`] : []),
    ...(qualifiedPattern.test(name)
      ? []
      : [
          `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${qualified}')`,
        ]),
  ];
}

/** Why a text is no label value: empty, or like the name part of a qualified name. */
export function labelValueProblems(text: string): string[] {
  return [
    ...(text.length > 63 ? [tooLong(63)] : []),
    ...(text === '' || qualifiedPattern.test(text)
      ? []
      : [
          `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(${qualified})?')`,
        ]),
  ];
}
