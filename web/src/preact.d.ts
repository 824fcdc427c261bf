// Declares for the type checker those parts of preact that the dashboard uses. preact's own declarations are thirty
// times as long.
declare namespace JSX {
  interface Element {
    type: unknown;
  }
  interface ElementChildrenAttribute {
    children: {};
  }
  interface IntrinsicAttributes {
    key?: string | number;
  }
  interface IntrinsicElements {
    [tag: string]: any;
  }
}

declare module "preact" {
  export type Child = JSX.Element | string | number | boolean | null | undefined | Child[];
  export function h(type: unknown, properties: unknown, ...children: Child[]): JSX.Element;
  export function Fragment(properties: { children?: Child }): JSX.Element;
  export function render(what: JSX.Element, into: Element): void;
}

declare module "preact/hooks" {
  export function useState<T>(first: T | (() => T)): [T, (next: T | ((now: T) => T)) => void];
  export function useEffect(effect: () => void | (() => void), of?: readonly unknown[]): void;
  export function useLayoutEffect(effect: () => void | (() => void), of?: readonly unknown[]): void;
  export function useMemo<T>(make: () => T, of: readonly unknown[]): T;
  export function useRef<T>(first: T): { current: T };
}
