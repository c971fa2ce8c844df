import { useId } from "preact/hooks";

/** A labelled slider that shows its value; arrow keys move it by `step`. */
export function Slider({
  label,
  value,
  min,
  max,
  step = (max - min) / 100,
  format = (number) => String(Math.round(number * 1000) / 1000),
  onInput,
}: {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  /** How the value is written; read out as well. */
  readonly format?: (value: number) => string;
  onInput(value: number): void;
}) {
  const id = useId();
  return (
    <div class="field slider">
      <label for={id}>{label}</label>
      <output for={id}>{format(value)}</output>
      <input
        id={id}
        type="range"
        {...{ min, max, step, value }}
        aria-valuetext={format(value)}
        onInput={(event) => onInput(event.currentTarget.valueAsNumber)}
      />
    </div>
  );
}
