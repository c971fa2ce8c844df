import type { Family } from "../paper.ts";

/** What is known of a paper before it is built: facts about the publication, and its place in the catalogue. */
export interface PlannedPaper {
  readonly row: number;
  readonly id: string;
  readonly family: Family;
  readonly year: number;
  readonly title: string;
}

/** Row, id, family, year and title, one paper a line. */
const lines = `
1 | multinomial-logistic-moe | gates | 2024 | A General Theory for Softmax Gating Multinomial Logistic Mixture of Experts
2 | topk-moe-rates | gates | 2024 | Statistical Perspective of Top-K Sparse Softmax Gating Mixture of Experts
3 | hmoe-laplace | gates | 2024 | On Expert Estimation in Hierarchical Mixture of Experts: Beyond Softmax Gating Functions
4 | lasso-moe | gates | 2020 | Non-asymptotic oracle inequalities for the Lasso in high-dimensional mixture of experts
6 | graph-of-tokens | gates | 2025 | Improving Routing in Sparse Mixture of Experts with Graph of Tokens
7 | temperature-moe | gates | 2024 | Is Temperature Sample Efficient for Softmax Gaussian Mixture of Experts?
8 | softmax-not-enough | normalizers | 2024 | softmax is not enough (for sharp out-of-distribution)
9 | online-softmax | normalizers | 2018 | Online normalizer calculation for softmax
10 | gated-slot-attention | attention | 2024 | Gated Slot Attention for Efficient Linear-Time Sequence Modeling
11 | transnormerllm | attention | 2023 | Scaling TransNormer to 175 Billion Parameters (later: TransNormerLLM, a faster and better large language model with improved TransNormer)
12 | two-pass-softmax | normalizers | 2020 | The Two-Pass Softmax Algorithm
13 | sparse-softmax | normalizers | 2021 | Sparse-softmax: A Simpler and Faster Alternative Softmax Transformation
14 | noisy-softmax | losses | 2017 | Noisy Softmax: Improving the Generalization Ability of DCNN via Postponing the Early Softmax Saturation
15 | masked-softmax-cl | continual | 2023 | Revisiting Softmax Masking for Stability in Continual Learning
16 | self-adjust-softmax | normalizers | 2025 | Self-Adjust Softmax
17 | dsf-foundation-models | attention | 2024 | Understanding the Differences in Foundation Models: Attention, State Space Models, and Recurrent Neural Networks
18 | softmax-bias-correction | compression | 2023 | Softmax Bias Correction for Quantized Generative Models
19 | expanded-gating | activations | 2024 | Expanded Gating Ranges Improve Activation Functions
20 | ft-sam | backdoor | 2023 | Enhancing Fine-Tuning Based Backdoor Defense with Sharpness-Aware Minimization
21 | aero | private | 2024 | AERO: Softmax-Only LLMs for Efficient Private Inference
22 | softpick | normalizers | 2025 | Softpick: No Attention Sink, No Massive Activations with Rectified Softmax
23 | jei-dnn | gates | 2024 | Jointly-Learned Exit and Inference for a Dynamic Neural Network: JEI-DNN
24 | grokking-stability | training | 2025 | Grokking at the Edge of Numerical Stability
26 | snn-soft-reset | neuro | 2023 | Reducing Information Loss for Spiking Neural Networks
27 | flashdecoding-pp | attention | 2023 | FlashDecoding++: Faster Large Language Model Inference on GPUs
28 | sparsemax | normalizers | 2016 | From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label Classification
29 | selective-self-attention | attention | 2024 | Selective Attention: Enhancing Transformer through Principled Context Control
30 | soft-actor-critic | rl | 2018 | Soft Actor-Critic: Off-Policy Maximum Entropy Deep Reinforcement Learning with a Stochastic Actor
31 | soft-nms | vision | 2017 | Soft-NMS -- Improving Object Detection With One Line of Code
32 | mpcvit | private | 2022 | MPCViT: Searching for Accurate and Efficient MPC-Friendly Vision Transformer with Heterogeneous Attention
33 | gateon | continual | 2023 | GateON: an unsupervised method for large scale continual learning
34 | vig | attention | 2024 | ViG: Linear-complexity Visual Sequence Learning with Gated Linear Attention
35 | rela | attention | 2021 | Sparse Attention with Linear Units
36 | lsrl-universal | neuro | 2024 | Universal In-Context Approximation By Prompting Fully Recurrent Models
37 | ssbd | backdoor | 2023 | Backdoor Defense via Suppressing Model Shortcuts
38 | icl-multihead-softmax | attention | 2025 | In-Context Linear Regression Demystified: Training Dynamics and Mechanistic Interpretability of Multi-Head Softmax Attention
39 | forgetnet | neuro | 2024 | On the Markov Property of Neural Algorithmic Reasoning: Analyses and Methods
40 | skip-middle | gates | 2025 | Learning to Skip the Middle Layers of Transformers
41 | softhebb | neuro | 2023 | Hebbian Deep Learning Without Feedback
42 | sigmoid-attention | attention | 2024 | Theory, Analysis, and Best Practices for Sigmoid Self-Attention
43 | z-loss | losses | 2016 | The Z-loss: a shift and scale invariant classification loss belonging to the Spherical Family
44 | sparsely-gated-moe | gates | 2017 | Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer
45 | cnn-svm | losses | 2017 | An Architecture Combining Convolutional Neural Network (CNN) and Support Vector Machine (SVM) for Image Classification
46 | unraveling-gd | attention | 2024 | Unraveling the Gradient Descent Dynamics of Transformers
47 | psl | losses | 2024 | PSL: Rethinking and Improving Softmax Loss from Pairwise Perspective for Recommendation
48 | moe-customization | gates | 2018 | A Mixture of Expert Approach for Low-Cost Customization of Deep Neural Networks
49 | gated-linear-attention | attention | 2023 | Gated Linear Attention Transformers with Hardware-Efficient Training
50 | cascade-deferral | gates | 2023 | When Does Confidence-Based Cascade Deferral Suffice?
51 | blto | backdoor | 2024 | Backdoor Contrastive Learning via Bi-level Trigger Optimization
52 | scope-kv | compression | 2024 | SCOPE: Optimizing Key-Value Cache Compression in Long-context Generation
55 | mahalanobis-ood | ood | 2018 | A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks
56 | shaped-transformer | attention | 2023 | The Shaped Transformer: Attention Models in the Infinite Depth-and-Width Limit
58 | maxsup | losses | 2025 | MaxSup: Overcoming Representation Collapse in Label Smoothing
60 | gumbel-softmax | generative | 2016 | Categorical Reparameterization with Gumbel-Softmax
61 | ibp-tightness | robustness | 2023 | Understanding Certified Training with Interval Bound Propagation
62 | utility-probability | other | 2023 | Utility-Probability Duality of Neural Networks
63 | golu | activations | 2025 | Gompertz Linear Units: Leveraging Asymmetry for Enhanced Learning Dynamics
64 | tree-lmc | other | 2025 | Linear Mode Connectivity in Differentiable Tree Ensembles
65 | smoothinv | backdoor | 2023 | Single Image Backdoor Inversion via Robust Smoothed Classifiers
67 | swarm | backdoor | 2024 | Not All Prompts Are Secure: A Switchable Backdoor Attack Against Pre-trained Vision Transformers
68 | dselect-k | gates | 2021 | DSelect-k: Differentiable Selection in the Mixture of Experts with Applications to Multi-Task Learning
69 | backdoor-statistics | backdoor | 2024 | Demystifying Poisoning Backdoor Attacks from a Statistical Perspective
70 | softnet | continual | 2022 | On the Soft-Subnetwork for Few-shot Class Incremental Learning
71 | llama-adapter | tuning | 2023 | LLaMA-Adapter: Efficient Fine-tuning of Language Models with Zero-init Attention
72 | wsn | continual | 2023 | Forget-free Continual Learning with Soft-Winning SubNetworks
73 | ibp-training | robustness | 2018 | On the Effectiveness of Interval Bound Propagation for Training Verifiably Robust Models
74 | ctrl-ssl | backdoor | 2023 | An Embarrassingly Simple Backdoor Attack on Self-supervised Learning
75 | visualtrap | backdoor | 2025 | VisualTrap: A Stealthy Backdoor Attack on GUI Agents via Visual Grounding Manipulation
76 | pv-tuning | compression | 2024 | PV-Tuning: Beyond Straight-Through Estimation for Extreme LLM Compression
77 | neurosa | neuro | 2025 | ON-OFF Neuromorphic ISING Machines using Fowler-Nordheim Annealers
78 | fsba | backdoor | 2022 | Few-Shot Backdoor Attacks on Visual Object Tracking
79 | compact-activations | training | 2024 | CompAct: Compressed Activations for Memory-Efficient LLM Training
80 | super-fine-tuning | backdoor | 2022 | Fine-Tuning Is All You Need to Mitigate Backdoor Attacks
82 | uibdiffusion | backdoor | 2025 | UIBDiffusion: Universal Imperceptible Backdoor Attack for Diffusion Models
83 | badvla | backdoor | 2025 | BadVLA: Towards Backdoor Attacks on Vision-Language-Action Models via Objective-Decoupled Optimization
84 | expert-choice | gates | 2022 | Mixture-of-Experts with Expert Choice Routing
85 | quantum-multi-control | other | 2025 | Multi-Controlled Quantum Gates in Linear Nearest Neighbor
86 | navidet | backdoor | 2025 | NaviDet: Efficient Input-level Backdoor Detection on Text-to-Image Synthesis via Neuron Activation Variation
87 | oneforecast | other | 2025 | OneForecast: A Universal Framework for Global and Regional Weather Forecasting
88 | quantizable-transformers | compression | 2023 | Quantizable Transformers: Removing Outliers by Helping Attention Heads Do Nothing
89 | dynamic-policy-gradient | rl | 2024 | Beyond Stationarity: Convergence Analysis of Stochastic Softmax Policy Gradient Methods
90 | rezero | training | 2020 | ReZero is All You Need: Fast Convergence at Large Depth
91 | emergent-misalignment | tuning | 2025 | Emergent Misalignment: Narrow finetuning can produce broadly misaligned LLMs
94 | active-diffusion-subsampling | generative | 2024 | Active Diffusion Subsampling
95 | trainable-gate | compression | 2019 | Plug-in, Trainable Gate for Streamlining Arbitrary Neural Networks
96 | one-bit-fqt | compression | 2024 | 1-Bit FQT: Pushing the Limit of Fully Quantized Training to 1-bit
97 | gated-compression | gates | 2023 | Gated Compression Layers for Efficient Always-On Models
98 | adaquant | compression | 2020 | Improving Post Training Neural Quantization: Layer-wise Calibration and Integer Programming
100 | invertune | backdoor | 2025 | InverTune: Removing Backdoors from Multimodal Contrastive Learning Models via Trigger Inversion and Activation Tuning
101 | partial-fc | training | 2020 | Partial FC: Training 10 Million Identities on a Single Machine
102 | seer-attention | attention | 2024 | SeerAttention: Learning Intrinsic Sparse Attention in Your LLMs
103 | dgn-am | generative | 2016 | Synthesizing the preferred inputs for neurons in neural networks via deep generator networks
104 | adasplash | attention | 2025 | AdaSplash: Adaptive Sparse Flash Attention
105 | rap | backdoor | 2021 | RAP: Robustness-Aware Perturbations for Defending against Backdoor Attacks on NLP Models
106 | feasible-learning | training | 2025 | Feasible Learning
109 | energy-ood | ood | 2020 | Energy-based Out-of-distribution Detection
111 | st3 | compression | 2022 | Are Straight-Through gradients and Soft-Thresholding all you need for Sparse Training?
112 | gru-svm | losses | 2017 | A Neural Network Architecture Combining Gated Recurrent Unit (GRU) and Support Vector Machine (SVM) for Intrusion Detection in Network Traffic Data
113 | cleanclip-objective | backdoor | 2025 | Effective Backdoor Mitigation in Vision-Language Models Depends on the Pre-training Objective
114 | activator | activations | 2024 | Activator: GLU Activations as The Core Functions of a Vision Transformer
115 | sparse-activations-init | activations | 2024 | Deep Neural Network Initialization with Sparsity Inducing Activations
116 | refusal-direction | other | 2024 | Refusal in Language Models Is Mediated by a Single Direction
117 | deepreshape | private | 2023 | DeepReShape: Redesigning Neural Networks for Efficient Private Inference
118 | b2t-jailbreak | robustness | 2025 | Benign-to-Toxic Jailbreaking: Inducing Harmful Responses from Harmless Prompts
119 | convit | attention | 2021 | ConViT: Improving Vision Transformers with Soft Convolutional Inductive Biases
120 | conv-dkm | other | 2023 | Convolutional Deep Kernel Machines
121 | zoology-mqar | attention | 2023 | Zoology: Measuring and Improving Recall in Efficient Language Models
122 | latent-guard | other | 2025 | LLMs Encode Harmfulness and Refusal Separately
123 | sl-at-k | losses | 2025 | Breaking the Top-K Barrier: Advancing Top-K Ranking Metrics Optimization in Recommender Systems
124 | hedgehog | attention | 2024 | The Hedgehog & the Porcupine: Expressive Linear Attentions with Softmax Mimicry
125 | rift | robustness | 2023 | Improving Generalization of Adversarial Training via Robust Critical Fine-Tuning
126 | diffusion-variations | backdoor | 2023 | Leveraging Diffusion-Based Image Variations for Robust Training on Poisoned Data
`;

/** The papers of the catalogue, built or not, by row. */
export const plannedPapers: readonly PlannedPaper[] = lines
  .trim()
  .split("\n")
  .map((line) => {
    const [row, id, family, year, title] = line.split(" | ");
    return { row: Number(row), id, family: family as Family, year: Number(year), title };
  });
