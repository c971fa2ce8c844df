import type { ButtonHTMLAttributes } from "preact";

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  /** `primary` for the one thing a view is for, `danger` for what cannot be undone. Default `plain` */
  readonly kind?: "plain" | "primary" | "danger";
};

export function Button({ kind = "plain", class: name = "", ...rest }: ButtonProps) {
  return <button type="button" class={`button ${kind} ${name as string}`} {...rest} />;
}
