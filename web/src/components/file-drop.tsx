import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";

/** A place to drop a file on, or to choose one with. The file stays in the browser. */
export function FileDrop({
  label,
  accept,
  onFile,
  children,
}: {
  readonly label: string;
  /** As in `<input accept>`: ".onnx" */
  readonly accept?: string;
  onFile(file: File): void;
  /** Hints beneath the label. */
  readonly children?: ComponentChildren;
}) {
  const id = useId();
  const [over, setOver] = useState(false);
  return (
    <label
      for={id}
      class={`file-drop ${over ? "over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const file = event.dataTransfer?.files[0];
        if (file) onFile(file);
      }}
    >
      <strong>{label}</strong>
      {children}
      <input
        id={id}
        type="file"
        accept={accept}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          // The same file may be chosen again.
          event.currentTarget.value = "";
          if (file) onFile(file);
        }}
      />
    </label>
  );
}
