// What Vite and Svelte add to the language: components and styles can be imported.
/// <reference types="svelte" />
/// <reference types="vite/client" />
