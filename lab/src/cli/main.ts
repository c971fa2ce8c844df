#!/usr/bin/env node
import { sluice } from "./program.ts";
import { processTerminal } from "./terminal.ts";

process.exitCode = await sluice(process.argv.slice(2), processTerminal());
