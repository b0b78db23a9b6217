// A module of ours between: a bundler that splits gives a CommonJS package that is loaded later no named exports.
export { generate } from 'selfsigned';
