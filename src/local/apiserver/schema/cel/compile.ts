import { Environment, EvaluationError, type ParseResult } from '@marcbachmann/cel-js';
import type { JsonValue } from '../../../../core/json.ts';
import type { Structural, ValidationRule } from '../structural.ts';
import { optional, registerFunctions } from './functions.ts';
import { type CelType, TypeBook } from './types.ts';

/** What a rule says of a value: fine, or the text of its message; `failed` when the rule itself could not be computed. */
type Verdict = { readonly ok: true } | { readonly ok: false; readonly message: string; readonly fromExpression: boolean };

export type CompiledRule = {
  readonly rule: ValidationRule;
  /** A transition rule: it needs an old value to compare with. */
  readonly usesOldSelf: boolean;
  judge(self: unknown, oldSelf: unknown): Verdict;
};

export type RuleProblem = { readonly field: 'rule' | 'messageExpression'; readonly message: string };

export type CompiledRules = {
  readonly convert: CelType['convert'];
  readonly rules: readonly CompiledRule[];
  readonly problems: readonly (RuleProblem & { readonly index: number })[];
};

function textOf(error: unknown): string {
  if (error instanceof Error && 'summary' in error && typeof error.summary === 'string') return error.summary;
  return error instanceof Error ? error.message : String(error);
}

/** Whether an expression names a variable, outside of string literals and field selections. */
function mentions(expression: string, variable: string): boolean {
  const code = expression
    .replace(/[rbRB]*("""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/g, '""')
    .replace(/\/\/.*$/gm, '');
  return new RegExp(`(?<![.\\w])${variable}\\b`).test(code);
}

/** Compiles the rules of one schema tree; types are declared once for all of them. */
export class RuleCompiler {
  private readonly environment: Environment;
  private readonly types: TypeBook;

  constructor() {
    this.environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
    registerFunctions(this.environment);
    this.types = new TypeBook(this.environment);
  }

  /** Declares a schema's types; all must be declared before the first compile. */
  declare(schema: Structural, path: string): void {
    this.types.declare(schema, path);
  }

  compile(schema: Structural): CompiledRules {
    const type = this.types.declare(schema, 'Object');
    const problems: (RuleProblem & { index: number })[] = [];
    const rules = schema.rules.flatMap((rule, index) => {
      const compiled = this.compileRule(rule, type);
      if ('rule' in compiled) return [compiled];
      problems.push({ ...compiled, index });
      return [];
    });
    return { convert: type.convert, rules, problems };
  }

  private compileRule(rule: ValidationRule, type: CelType): CompiledRule | RuleProblem {
    const usesOldSelf =
      mentions(rule.rule, 'oldSelf') || (rule.messageExpression !== undefined && mentions(rule.messageExpression, 'oldSelf'));
    const scope = this.environment.clone();
    scope.registerVariable('self', type.name);
    scope.registerVariable('oldSelf', rule.optionalOldSelf ? `optional<${type.name}>` : type.name);
    const condition = compileAs(scope, rule.rule, 'bool', 'cel expression must evaluate to a bool');
    if (typeof condition === 'string') return { field: 'rule', message: condition };
    const expression =
      rule.messageExpression === undefined ? undefined : compileAs(scope, rule.messageExpression, 'string', 'must evaluate to a string');
    if (typeof expression === 'string') return { field: 'messageExpression', message: expression };
    const fallback = rule.message?.trim() || `failed rule: ${rule.rule.trim()}`;
    return {
      rule,
      usesOldSelf: usesOldSelf || rule.optionalOldSelf,
      judge(self, oldSelf) {
        const context = {
          self,
          ...((usesOldSelf || rule.optionalOldSelf) && { oldSelf: rule.optionalOldSelf ? optional(oldSelf) : oldSelf }),
        };
        try {
          if (condition(context) === true) return { ok: true };
        } catch (error) {
          return {
            ok: false,
            message: `rule evaluation error: ${textOf(error)} evaluating rule: ${rule.message ?? rule.rule}`,
            fromExpression: false,
          };
        }
        const computed = expression ? computedMessage(expression, context) : undefined;
        return { ok: false, message: computed ?? fallback, fromExpression: computed !== undefined };
      },
    };
  }
}

/** The text of a messageExpression; undefined when it fails or is not one line of text, for which Kubernetes falls back to the plain message. */
function computedMessage(expression: ParseResult, context: Record<string, unknown>): string | undefined {
  try {
    const text: JsonValue = expression(context);
    return typeof text === 'string' && text.trim() !== '' && !text.includes('\n') ? text.trim() : undefined;
  } catch (error) {
    if (error instanceof EvaluationError) return undefined;
    throw error;
  }
}

/** A checked expression, or why it is none. */
function compileAs(scope: Environment, text: string, wanted: 'bool' | 'string', mismatch: string): ParseResult | string {
  if (text.trim() === '') return 'rule is not specified';
  try {
    const parsed = scope.parse(text);
    const checked = parsed.check();
    if (!checked.valid) return `compilation failed: ERROR: ${textOf(checked.error)}`;
    // What the library can only know at run time is judged there.
    if (checked.type !== wanted && checked.type !== 'dyn') return `compilation failed: ${mismatch}, but it is ${checked.type}`;
    return parsed;
  } catch (error) {
    return `compilation failed: ERROR: ${textOf(error)}`;
  }
}
