import { ErrorBoundary, LocationProvider, lazy, Route, Router } from "preact-iso";
import { SiteFooter, SiteHeader } from "./components/site.tsx";
import Catalogue from "./pages/catalogue.tsx";
import NotFound from "./pages/not-found.tsx";

const Paper = lazy(() => import("./pages/paper.tsx"));
const Runs = lazy(() => import("./pages/runs.tsx"));
const Run = lazy(() => import("./pages/run.tsx"));
const About = lazy(() => import("./pages/about.tsx"));
const Playground = lazy(() => import("./playground/page.tsx"));
const Train = lazy(() => import("./train/page.tsx"));

/** The whole page: header, the view that the address names, footer. */
export function App() {
  return (
    <LocationProvider>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <SiteHeader />
      <main id="main" tabIndex={-1}>
        <ErrorBoundary onError={(error) => console.error(error)}>
          <Router>
            <Route path="/" component={Catalogue} />
            <Route path="/papers/:id" component={Paper} />
            <Route path="/runs" component={Runs} />
            <Route path="/runs/:id" component={Run} />
            <Route path="/playground" component={Playground} />
            <Route path="/playground/:view" component={Playground} />
            <Route path="/train" component={Train} />
            <Route path="/train/:view" component={Train} />
            <Route path="/about" component={About} />
            <Route default component={NotFound} />
          </Router>
        </ErrorBoundary>
      </main>
      <SiteFooter />
    </LocationProvider>
  );
}
