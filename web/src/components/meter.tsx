import { useId } from "preact/hooks";

/** A labelled bar: how much of `max` there is. Without a value it says that something is under way. */
export function Meter({
  label,
  value,
  max = 1,
  text,
  labelHidden = false,
}: {
  readonly label: string;
  readonly value?: number;
  readonly max?: number;
  /** What stands at the right end, e.g. "63/100". */
  readonly text?: string;
  readonly labelHidden?: boolean;
}) {
  const id = useId();
  return (
    <div class="meter">
      <span id={id} class={labelHidden ? "hidden" : ""}>
        {label}
      </span>
      <progress aria-labelledby={id} value={value} max={max} />
      {text !== undefined && <span class="meter-text">{text}</span>}
    </div>
  );
}
