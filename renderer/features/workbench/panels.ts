import {
  BellElectric,
  BookOpen,
  CircleX,
  FileCode,
  ListCollapse,
  BellRing,
  Bug,
  Activity,
  ArrowLeftRight,
  Binary,
  ChartLine,
  Diff,
  ListTodo,
  ChartColumn,
  CircleDot,
  CornerDownRight,
  Cpu,
  ChartGantt,
  Calculator,
  CircuitBoard,
  Code,
  Eye,
  FileOutput,
  FileText,
  Footprints,
  Grid2x2,
  History,
  Layers,
  LayoutTemplate,
  ListEnd,
  ListTree,
  ListChecks,
  Lock,
  Monitor,
  MonitorCheck,
  MonitorCog,
  MonitorUp,
  Network,
  Route,
  Rows3,
  Settings2,
  Shield,
  ShieldCheck,
  SquareTerminal,
  TableProperties,
  Tags,
  Users,
  Zap,
} from '@lucide/vue';
import ConsolePanel from './ConsolePanel.vue';
import BreakpointsPanel from '../inspector/BreakpointsPanel.vue';
import CallStackPanel from '../inspector/CallStackPanel.vue';
import DisassemblyPanel from '../inspector/DisassemblyPanel.vue';
import FpuPanel from '../inspector/FpuPanel.vue';
import MemoryPanel from '../inspector/MemoryPanel.vue';
import MsrsPanel from '../inspector/MsrsPanel.vue';
import DescriptorsPanel from '../inspector/DescriptorsPanel.vue';
import DevicesPanel from '../inspector/DevicesPanel.vue';
import InterruptsPanel from '../inspector/InterruptsPanel.vue';
import PageWalkPanel from '../inspector/PageWalkPanel.vue';
import RegistersPanel from '../inspector/RegistersPanel.vue';
import StackPanel from '../inspector/StackPanel.vue';
import StructuresPanel from '../inspector/StructuresPanel.vue';
import SymbolsPanel from '../inspector/SymbolsPanel.vue';
import TracePanel from '../inspector/TracePanel.vue';
import WatchesPanel from '../inspector/WatchesPanel.vue';
import MachinePanel from './MachinePanel.vue';
import type { PanelDescription } from './panel.ts';
import SerialPanel from './SerialPanel.vue';
import VcpuChartsPanel from './VcpuChartsPanel.vue';
import LatencyPanel from '../smm/LatencyPanel.vue';
import RendezvousPanel from '../smm/RendezvousPanel.vue';
import SaveStatePanel from '../smm/SaveStatePanel.vue';
import SmramPanel from '../smm/SmramPanel.vue';
import TimelinePanel from '../smm/TimelinePanel.vue';
import VcpusPanel from '../smm/VcpusPanel.vue';
import ArrangementPanel from '../display/ArrangementPanel.vue';
import EdidPanel from '../display/EdidPanel.vue';
import HistoryPanel from '../display/HistoryPanel.vue';
import OutputsPanel from '../display/OutputsPanel.vue';
import RequestsPanel from '../display/RequestsPanel.vue';
import SessionPanel from '../display/SessionPanel.vue';
import AlertsPanel from '../guard/AlertsPanel.vue';
import PagesPanel from '../guard/PagesPanel.vue';
import TreePanel from '../guard/TreePanel.vue';
import PairChartsPanel from '../tolerance/ChartsPanel.vue';
import PairClientPanel from '../tolerance/ClientPanel.vue';
import DivergencePanel from '../tolerance/DivergencePanel.vue';
import PairEventsPanel from '../tolerance/EventsPanel.vue';
import PairRequestsPanel from '../tolerance/PairRequestsPanel.vue';
import FaultsPanel from '../tolerance/FaultsPanel.vue';
import ScreensPanel from '../tolerance/ScreensPanel.vue';
import StatePanel from '../tolerance/StatePanel.vue';
import EditorPanel from '../editor/EditorPanel.vue';
import InstructionPanel from '../editor/InstructionPanel.vue';
import OutlinePanel from '../editor/OutlinePanel.vue';
import ProblemsPanel from '../editor/ProblemsPanel.vue';
import ReportContentsPanel from '../reports/ReportContentsPanel.vue';
import ReportPanel from '../reports/ReportPanel.vue';
import ReportSavePanel from '../reports/ReportSavePanel.vue';
import TerminalPanel from '../terminal/TerminalPanel.vue';

/** Every panel there is. A new one is a line here, and a place in a view (views.ts). */
export const PANELS: readonly PanelDescription[] = [
  { id: 'console', title: 'Console', icon: Monitor, component: ConsolePanel },
  { id: 'serial', title: 'Serial port', icon: SquareTerminal, component: SerialPanel },
  { id: 'machine', title: 'Machine', icon: Cpu, component: MachinePanel },
  { id: 'vcpu-charts', title: 'vCPUs live', icon: Activity, component: VcpuChartsPanel },
  { id: 'registers', title: 'Registers', icon: Binary, component: RegistersPanel },
  { id: 'fpu', title: 'FPU', icon: Calculator, component: FpuPanel },
  { id: 'msrs', title: 'MSRs', icon: Settings2, component: MsrsPanel },
  { id: 'disassembly', title: 'Disassembly', icon: Code, component: DisassemblyPanel },
  { id: 'trace', title: 'Trace', icon: Footprints, component: TracePanel },
  { id: 'memory', title: 'Memory', icon: Grid2x2, component: MemoryPanel, several: true },
  { id: 'stack', title: 'Stack', icon: ListEnd, component: StackPanel },
  { id: 'symbols', title: 'Symbols', icon: Tags, component: SymbolsPanel },
  { id: 'breakpoints', title: 'Breakpoints', icon: CircleDot, component: BreakpointsPanel },
  { id: 'watches', title: 'Watches', icon: Eye, component: WatchesPanel },
  { id: 'call-stack', title: 'Call stack', icon: CornerDownRight, component: CallStackPanel },
  { id: 'page-walk', title: 'Page walk', icon: Route, component: PageWalkPanel },
  { id: 'descriptors', title: 'Descriptors', icon: TableProperties, component: DescriptorsPanel },
  { id: 'lapic', title: 'Interrupts', icon: BellElectric, component: InterruptsPanel },
  { id: 'devices', title: 'Devices', icon: CircuitBoard, component: DevicesPanel },
  { id: 'structures', title: 'Structures', icon: ListTree, component: StructuresPanel, several: true },
  { id: 'editor', title: 'Editor', icon: FileCode, component: EditorPanel },
  { id: 'problems', title: 'Problems', icon: CircleX, component: ProblemsPanel },
  { id: 'outline', title: 'Outline', icon: ListCollapse, component: OutlinePanel },
  { id: 'instruction', title: 'Instruction', icon: BookOpen, component: InstructionPanel },
  { id: 'smm-timeline', title: 'Rendezvous timeline', icon: ChartGantt, component: TimelinePanel },
  { id: 'smm-rendezvous', title: 'Rendezvous', icon: Rows3, component: RendezvousPanel },
  { id: 'smm-latency', title: 'Latency', icon: ChartColumn, component: LatencyPanel },
  { id: 'smm-vcpus', title: 'vCPUs', icon: Users, component: VcpusPanel },
  { id: 'smm-save-state', title: 'Save state', icon: Layers, component: SaveStatePanel },
  { id: 'smram', title: 'SMRAM bytes', icon: Lock, component: SmramPanel },
  { id: 'terminal', title: 'gdb', icon: Bug, component: TerminalPanel },
  { id: 'guard-pages', title: 'Monitored pages', icon: Shield, component: PagesPanel },
  { id: 'guard-tree', title: 'Tree', icon: Network, component: TreePanel },
  { id: 'guard-alerts', title: 'Alerts', icon: BellRing, component: AlertsPanel },
  { id: 'display-arrangement', title: 'Arrangement', icon: LayoutTemplate, component: ArrangementPanel },
  { id: 'display-outputs', title: 'Outputs', icon: MonitorCog, component: OutputsPanel },
  { id: 'display-history', title: 'Session history', icon: History, component: HistoryPanel },
  { id: 'display-requests', title: 'Requests', icon: ListChecks, component: RequestsPanel },
  { id: 'display-edid', title: 'EDID', icon: MonitorCheck, component: EdidPanel },
  { id: 'display-session', title: 'Session now', icon: MonitorUp, component: SessionPanel },
  { id: 'pair-screens', title: 'Both screens', icon: ArrowLeftRight, component: ScreensPanel },
  { id: 'pair-client', title: 'Client’s view', icon: FileText, component: PairClientPanel },
  { id: 'pair-charts', title: 'Pair live', icon: ChartLine, component: PairChartsPanel },
  { id: 'pair-events', title: 'Events', icon: ListTodo, component: PairEventsPanel },
  { id: 'pair-requests', title: 'Pair requests', icon: ListChecks, component: PairRequestsPanel },
  { id: 'pair-state', title: 'Pair state', icon: ShieldCheck, component: StatePanel },
  { id: 'pair-faults', title: 'Fault injection', icon: Zap, component: FaultsPanel },
  { id: 'pair-divergence', title: 'Last divergence', icon: Diff, component: DivergencePanel },
  { id: 'report', title: 'Preview', icon: FileText, component: ReportPanel },
  { id: 'report-contents', title: 'Contents', icon: ListChecks, component: ReportContentsPanel },
  { id: 'report-save', title: 'Formats', icon: FileOutput, component: ReportSavePanel },
];

/** The id of one open panel: the panel's own, and a number from the second one on. */
export function instanceId(panel: string, number: number): string {
  return number <= 1 ? panel : `${panel}:${number}`;
}

/** The description of an open panel; undefined when this version has no such panel. */
export function panelOf(instance: string, panels: readonly PanelDescription[] = PANELS): PanelDescription | undefined {
  const [id] = instance.split(':');
  return panels.find((panel) => panel.id === id);
}
