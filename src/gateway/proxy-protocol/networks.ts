import { BlockList, isIP } from 'node:net';

/** Networks by which connections are chosen. Throws an error for people that names the text that is no network. */
export class Networks {
  private readonly list = new BlockList();

  /** Each text is a network such as `10.0.0.0/8` or `2001:db8::/32`, or a single address. */
  constructor(texts: readonly string[]) {
    for (const text of texts) {
      const [address = '', bits, ...more] = text.split('/');
      const version = isIP(address);
      const longest = version === 4 ? 32 : 128;
      const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
      if (version === 0 || address.includes('%') || more.length > 0 || !(prefix <= longest))
        throw new Error(`${text} is no network: give one such as 10.0.0.0/8 or 2001:db8::/32, or an address`);
      this.list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6');
    }
  }

  /** An IPv4 address may be written as IPv6, as a socket of both kinds tells it. */
  has(address: string): boolean {
    const [bare = ''] = address.split('%');
    const version = isIP(bare);
    return version !== 0 && this.list.check(bare, version === 4 ? 'ipv4' : 'ipv6');
  }
}
