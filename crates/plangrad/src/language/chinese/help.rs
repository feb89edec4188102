//! The help of commands and options.

/// English, and 简体中文.
pub(super) const TEXTS: &[(&str, &str)] = &[
    // Commands
    (
        "Trains image classifiers; plans every byte before it runs",
        "训练图像分类器；运行之前就规划好每一个字节",
    ),
    ("Train a network; writes a run folder with the model", "训练网络，并写出包含模型的运行目录"),
    (
        "Evaluate a trained model: test loss, accuracy, confusion matrix",
        "评估训练好的模型：测试损失、准确率、混淆矩阵",
    ),
    (
        "Predict classes or values with a trained model: of an image, of a row, of every row of a table",
        "用训练好的模型预测类别或数值：一张图像、一行数据，或表格的每一行",
    ),
    (
        "Show samples of a dataset: picture, shape, label, range of values",
        "显示数据集中的样本：图像、形状、标签、数值范围",
    ),
    (
        "Print a table of a network's layers: output shape, parameters, sizes",
        "打印网络结构表：各层的输出形状、参数量、大小",
    ),
    (
        "Plan the memory of batch sizes: every byte of a step, without running it",
        "规划各个批大小的内存：不运行，就给出一个训练步的每个字节",
    ),
    (
        "Find the largest batch that fits, prove it, and measure from which size on training is fast",
        "找出放得下的最大批次并加以证明，再测量从多大的批次起训练足够快",
    ),
    (
        "Compare batch sizes on devices: time, memory and accuracy, measured, as a table and as plots",
        "在各个设备上比较不同的批大小：实测时间、内存和准确率，给出表格和图",
    ),
    (
        "Write a page on one or more runs: curves, confusion matrix, pictures, memory",
        "写出一次或多次运行的网页报告：曲线、混淆矩阵、图像、内存",
    ),
    (
        "Write a trained model for other programs (ONNX, safetensors, numpy), or the figures of its run as CSV",
        "把训练好的模型导出给其他程序（ONNX、safetensors、numpy），或把它的运行数据导出为 CSV",
    ),
    (
        "Serve a trained model over HTTP on this machine: predictions for programs, a page to draw on for people",
        "在本机通过 HTTP 提供训练好的模型：供程序做预测，也有供人手写的网页",
    ),
    ("Describe this machine: cores, vector instructions, memory", "介绍这台机器：核数、向量指令、内存"),
    ("Fetch datasets and verify them", "下载数据集并校验"),
    ("Print the completion script of a shell", "打印 shell 的补全脚本"),
    ("Print the manual page of plangrad or of a command", "打印 plangrad 或某个命令的手册页"),
    (
        "Explain a command and its options: the same as COMMAND --help",
        "解释一个命令及其选项：与 COMMAND --help 相同",
    ),
    (
        "Examples:\n  plangrad train                      train on MNIST if it is there, else on built-in digits\n  plangrad show --dataset digits --count 5\n  plangrad plan --batch-sizes 64,1024 what a batch size costs, to the byte\n  plangrad fit --memory-budget 8MiB   the largest batch that fits, proven\n  plangrad sweep --plot sweep.svg     what it costs in time and does to learning, measured\n  plangrad summary --dataset cifar10 --hidden 128\n\n`plangrad help COMMAND` or `plangrad COMMAND --help` shows a command's options with examples.",
        "示例：\n  plangrad train                      有 MNIST 就用它训练，否则用内置的数字图像\n  plangrad show --dataset digits --count 5\n  plangrad plan --batch-sizes 64,1024 某个批大小要占多少内存，精确到字节\n  plangrad fit --memory-budget 8MiB   放得下的最大批次，并加以证明\n  plangrad sweep --plot sweep.svg     批大小对时间和学习效果的影响，实测\n  plangrad summary --dataset cifar10 --hidden 128\n\n`plangrad help COMMAND` 或 `plangrad COMMAND --help` 列出一个命令的选项和示例。",
    ),
    // What clap says itself
    ("Usage: ", "用法："),
    ("Commands", "命令"),
    ("Arguments", "参数"),
    ("Options", "选项"),
    ("Print help", "打印帮助"),
    ("Print version", "打印版本"),
    (" [default: {value}]", " [默认：{value}]"),
    (" [possible values: {values}]", " [可选值：{values}]"),
    (" [env: {variable}]", " [环境变量：{variable}]"),
    ("Examples:", "示例："),
    // Headings
    ("Data", "数据"),
    ("Device", "设备"),
    ("Limits", "限制"),
    ("Memory", "内存"),
    ("Model", "模型"),
    ("Output", "输出"),
    ("Run", "运行"),
    ("Tables", "表格"),
    ("Training", "训练"),
    // Arguments
    ("A run folder, or a model file (model.safetensors)", "运行目录，或模型文件（model.safetensors）"),
    ("Run folders; several are shown side by side", "运行目录；给出多个时并排显示"),
    (
        "mnist, fashion-mnist, kmnist, cifar10, cifar100, or all of them",
        "mnist、fashion-mnist、kmnist、cifar10、cifar100，或者 all（全部）",
    ),
    ("The shell", "哪一种 shell"),
    ("The command; the whole program without one", "命令；省略时为整个程序"),
    // Output
    (
        "Text for people, or one JSON object per line on standard output and nothing else there",
        "给人看的文字；或者标准输出上每行一个 JSON 对象，别无其他",
    ),
    (
        "Only results, warnings and errors: no remarks, no progress bar",
        "只输出结果、警告和错误：没有说明，也没有进度条",
    ),
    (
        "Language of texts for people; JSON and errors are English [default: that of LC_ALL, LC_MESSAGES or LANG]",
        "给人看的文字所用的语言；JSON 和错误信息总是英文 [默认：由 LC_ALL、LC_MESSAGES 或 LANG 决定]",
    ),
    // Data
    (
        "mnist, fashion-mnist, kmnist, qmnist, emnist-letters (-balanced, -digits, …), cifar10, cifar100, digits; or your own: csv:FILE (a table; - is standard input), folder:DIR (images), idx:DIR, npz:FILE [default: mnist if it is in the data folder, else the built-in digits]",
        "mnist、fashion-mnist、kmnist、qmnist、emnist-letters（-balanced、-digits……）、cifar10、cifar100、digits；或者自己的数据：csv:FILE（表格；- 为标准输入）、folder:DIR（图像）、idx:DIR、npz:FILE [默认：数据目录里有 mnist 就用它，否则用内置的 digits]",
    ),
    ("Folder with the datasets [default: data]", "数据集所在的目录 [默认：data]"),
    (
        "How values are normalised: by the dataset's mean and standard deviation, (x − 0.5) / 0.5, or not at all",
        "怎样归一化：按数据集的均值和标准差，按 (x − 0.5) / 0.5，或者不做",
    ),
    ("Tables: name of the label column [default: the last]", "表格：标签列的名称 [默认：最后一列]"),
    (
        "Tables, and folders of images without a test folder: share kept for testing, may be 0 [default: 0.2]",
        "表格，以及没有测试目录的图像目录：留作测试的比例，可以是 0 [默认：0.2]",
    ),
    (
        "Share of the training part that is kept to evaluate a network on while it learns; the test part is then used once, at the end. A hash of each sample decides, so equal samples are on the same side [default: 0]",
        "从训练集中留出多大比例，在学习过程中评估网络；这时测试集只在最后用一次。由每个样本的哈希值决定，所以相同的样本总在同一边 [默认：0]",
    ),
    (
        "cifar100: the hundred fine or the twenty coarse classes [default: fine]",
        "cifar100：一百个细分类（fine）或二十个粗分类（coarse）[默认：fine]",
    ),
    (
        "folder: height and width to which images are brought [default: theirs, if all have the same]",
        "folder：图像统一到的高和宽 [默认：图像自己的大小，如果全都相同]",
    ),
    (
        "folder: 1 for grey, 3 for colours [default: 1 if all images are grey, else 3]",
        "folder：灰度为 1，彩色为 3 [默认：全部是灰度图像时为 1，否则为 3]",
    ),
    (
        "folder: how images of other proportions are brought to the size: black beside them, the overhang cut off, or stretched [default: pad]",
        "folder：比例不同的图像怎样统一大小：两侧补黑（pad）、裁掉多出的部分（crop），或者拉伸（stretch）[默认：pad]",
    ),
    (
        "folder: keep the decoded images in this file, and read them from there the next time",
        "folder：把解码后的图像存进这个文件，下次从那里读取",
    ),
    ("Part of the dataset", "数据集的哪一部分"),
    (
        "Part of the dataset [default: test; of a table that is named, all rows]",
        "数据集的哪一部分 [默认：test；指定了表格时为所有行]",
    ),
    ("Another dataset than the model was trained on", "不用模型训练时的数据集，而用另一个"),
    (
        "Folder with the datasets [default: that of the run, else data]",
        "数据集所在的目录 [默认：运行所用的目录，否则为 data]",
    ),
    (
        "Seed that chooses the test rows of a table, and the samples of the validation part",
        "随机种子，决定表格的哪些行用作测试，以及哪些样本用作验证",
    ),
    (
        "Samples of this shape instead of a dataset's: channels, height, width, or any other",
        "不用数据集，而用这种形状的样本：通道、高、宽，或任何其他形状",
    ),
    ("Number of classes, with --input", "类别数，与 --input 一起使用"),
    // Tables
    (
        "What separates cells: , ; | or tab [default: recognised]",
        "单元格的分隔符：, ; | 或 tab [默认：自动识别]",
    ),
    ("What separates decimals: . or , [default: recognised]", "小数点：. 或 , [默认：自动识别]"),
    (
        "Encoding, such as utf-8, utf-16le, gbk or windows-1252 [default: recognised]",
        "编码，例如 utf-8、utf-16le、gbk 或 windows-1252 [默认：自动识别]",
    ),
    (
        "The first row is data: columns are called column1, column2, …",
        "第一行就是数据：各列命名为 column1、column2……",
    ),
    ("Columns to learn from [default: all but the label]", "用来学习的列 [默认：除标签外的所有列]"),
    ("Columns to leave out", "不使用的列"),
    (
        "Columns of text become an input for each of their texts: auto (up to 64 texts), none, or up to N [default: auto]",
        "文本列的每种文本变成一个输入：auto（至多 64 种文本）、none，或至多 N 种 [默认：auto]",
    ),
    (
        "Cells without a value: an error, their rows left out (drop), or the column's mean [default: error]",
        "没有值的单元格：报错（error），舍弃所在的行（drop），或用该列的均值（mean）[默认：error]",
    ),
    (
        "Texts that stand for no value, besides an empty cell [default: NA, NaN, null, None, ? and others]",
        "除空单元格外，哪些文本表示没有值 [默认：NA、NaN、null、None、? 等]",
    ),
    (
        "With --loss mse: the numbers to predict are standardised for the network, unless --normalize is none (auto), or left as they are (none); losses and predictions have the units of the file either way [default: auto]",
        "与 --loss mse 一起使用：要预测的数值为网络做标准化，除非 --normalize 为 none（auto）；或者保持原样（none）；损失和预测总是用文件里的单位 [默认：auto]",
    ),
    // Model
    ("Units of each hidden layer, or `none` for a linear model", "各隐藏层的单元数；`none` 表示线性模型"),
    ("Activation after each hidden layer", "每个隐藏层之后的激活函数"),
    ("Share of hidden units dropped at random in each training step", "每个训练步中随机丢弃的隐藏单元的比例"),
    (
        "The network from a file, as a list of layers: linear, relu, batch_norm, residual, parallel and others; or that of the run in a folder",
        "从文件读取网络，写成层的列表：linear、relu、batch_norm、residual、parallel 等；或者目录中那次运行的网络",
    ),
    (
        "Loss to minimise: cross-entropy for classes, mse for the numbers of a table's label column",
        "要最小化的损失：类别用 cross-entropy，表格标签列的数值用 mse",
    ),
    // Training
    (
        "Samples per step; auto takes a few seconds at most to measure from which size on training is fast, among the sizes that fit, but no less than 16 on the cpu and 64 elsewhere, if that fits [default: 64]",
        "每步的样本数；auto 至多用几秒钟，在放得下的大小中测量从多大起训练足够快，但在 cpu 上不小于 16，在别处不小于 64（放得下的话）[默认：64]",
    ),
    ("Samples per step: one row for each", "每步的样本数：每个占一行"),
    (
        "Samples per step: one row for each; everything else is the same, the learning rate too",
        "每步的样本数：每个占一行；其他一切相同，学习率也相同",
    ),
    ("Passes over the training part [default: 5]", "把训练集完整过几遍 [默认：5]"),
    (
        "Passes over the training part, the same for every batch size; one on MNIST takes about ten seconds for all the default sizes together, most of them for batch size 1",
        "把训练集完整过几遍，各个批大小都相同；在 MNIST 上过一遍，所有默认批大小加起来约十秒，其中大部分用于批大小 1",
    ),
    (
        "Seconds of training, the same for every batch size, in a second run [default: the time of the fastest for its epochs]",
        "第二次运行中训练的秒数，各个批大小都相同 [默认：最快的那个完成所有 epoch 的时间]",
    ),
    (
        "Stop after this many steps; the last epoch is still evaluated, reported and saved",
        "训练这么多步后停止；最后一个 epoch 仍会评估、报告和保存",
    ),
    ("Optimizer", "优化器"),
    (
        "Momentum of sgd; any but 0 keeps one more number per parameter [default: 0]",
        "sgd 的动量；不为 0 时每个参数要多保存一个数 [默认：0]",
    ),
    (
        "Samples per evaluation batch [default: as many of 1000 as fit into the memory of training]",
        "评估时每批的样本数 [默认：训练的内存放得下多少就用多少，至多 1000]",
    ),
    (
        "Samples per batch; the result does not depend on it [default: as many of 1000 as fit]",
        "每批的样本数；不影响结果 [默认：放得下多少就用多少，至多 1000]",
    ),
    (
        "Keep the gradients of a step in memory, as other programs do. Without it the cpu updates a weight where its gradient is computed; the result is the same, bit for bit",
        "像其他程序那样把一步的梯度保存在内存里。不用此选项时，cpu 在算出梯度的地方直接更新权重；结果逐位相同",
    ),
    (
        "Gather the samples of a batch into memory of its own, normalised, as other programs do. Without it the cpu normalises them where it multiplies them; the result is the same, bit for bit",
        "像其他程序那样把一个批次的样本归一化后收集到单独的内存里。不用此选项时，cpu 在做乘法的地方直接归一化；结果逐位相同",
    ),
    (
        "Compute activations again in the backward pass instead of keeping them: none; auto, as little as it takes for a step to fit; all, for the least memory. The result is the same, bit for bit [default: none]",
        "在反向传播中重新计算激活值，而不保存它们：none 不重算；auto 只重算到训练步放得下为止；all 使内存最少。结果逐位相同 [默认：none]",
    ),
    (
        "Learning rate [default: 0.001 with adam and adamw, 0.01 with sgd]",
        "学习率 [默认：adam 和 adamw 为 0.001，sgd 为 0.01]",
    ),
    ("Weight decay [default: 0; 0.01 with adamw]", "权重衰减 [默认：0；adamw 为 0.01]"),
    (
        "Seed of the first weights, the order of samples, dropout and the choice of a table's test rows",
        "随机种子，决定初始权重、样本顺序、dropout 以及表格的哪些行用作测试",
    ),
    ("Take the samples in the order of the files", "按文件中的顺序取样本"),
    (
        "Schedule of the learning rate: constant, half a cosine down to --lr-minimum, in steps, or one cycle up from a 25th of --lr to --lr in the first 30 % of the steps and down to nearly 0",
        "学习率调度：不变，按半个余弦降到 --lr-minimum，分段下降，或者一个周期：在前 30 % 的步数里从 --lr 的 25 分之一升到 --lr，再降到接近 0",
    ),
    (
        "Learning rate at the end, with --schedule cosine [default: 0]",
        "最后的学习率，与 --schedule cosine 一起使用 [默认：0]",
    ),
    (
        "Epochs between two steps, with --schedule step [default: 1]",
        "每隔几个 epoch 下降一次，与 --schedule step 一起使用 [默认：1]",
    ),
    (
        "Factor of each step, with --schedule step [default: 0.1]",
        "每次下降的倍数，与 --schedule step 一起使用 [默认：0.1]",
    ),
    (
        "Steps over which the learning rate rises linearly to where the schedule begins; the schedule has the steps that follow",
        "学习率用多少步线性升到调度的起点；之后的步数才归调度",
    ),
    (
        "Weight of each class in the training loss: balanced (rare classes count as much as frequent ones), or a number for each class",
        "训练损失中各类别的权重：balanced（稀少的类别与常见的类别同样重要），或每个类别一个数",
    ),
    (
        "Share of each training sample's loss that is spread over all classes",
        "每个训练样本的损失中，分摊到所有类别的比例",
    ),
    (
        "Clip the gradients of a step: where their norm, all together, is larger than this, they are scaled down to it",
        "裁剪一步的梯度：所有梯度合起来的范数超过此值时，缩小到此值",
    ),
    (
        "What weight decay is for: all parameters, or matrices only, which spares biases and normalisation [default: all]",
        "权重衰减用于什么：所有参数（all），或只用于矩阵（matrices），这样不涉及偏置和归一化 [默认：all]",
    ),
    (
        "Keep a running average of the weights, of which each step leaves this share; it is what is evaluated and saved as the model",
        "保存权重的滑动平均，每一步保留这个比例；评估和存为模型的都是它",
    ),
    (
        "Keep the model of the best epoch as best.safetensors beside that of the last; only epochs that were taken whole are compared",
        "除最后一个 epoch 的模型外，把最好的 epoch 的模型存为 best.safetensors；只比较完整的 epoch",
    ),
    (
        "Figure of the validation part (else of the test part) by which epochs are compared [default: accuracy; loss with mse]",
        "按验证集（没有则按测试集）的哪个指标比较各个 epoch [默认：accuracy；用 mse 时为 loss]",
    ),
    (
        "End the run after this many epochs in a row without improvement",
        "连续这么多个 epoch 没有进步就结束运行",
    ),
    (
        "Start from these weights: a safetensors file of floating-point numbers or a state_dict of PyTorch (.pth, .pt) whose shapes match in order",
        "从这些权重开始：浮点数的 safetensors 文件，或 PyTorch 的 state_dict（.pth、.pt），形状要按顺序对得上",
    ),
    (
        "Number format: f32; bf16, on the cpu, where activations, inputs and the factors of products are bfloat16 and all else is f32; or on GPUs from compute capability 8.0 on tf32, where the factors of large products have 10 bits of mantissa",
        "数值格式：f32；bf16（在 cpu 上），激活值、输入和矩阵乘法的因子为 bfloat16，其余均为 f32；或在计算能力 8.0 及以上的 GPU 上使用 tf32，大型矩阵乘法的因子只有 10 位尾数",
    ),
    (
        "What to show of the progress: a bar and lines; the whole terminal with curves, pace, memory and mistakes (in programs built with --features tui); lines alone; or only what each epoch came to. Where there is no terminal, lines",
        "如何显示进度：进度条和逐行输出；占满整个终端，显示曲线、速度、内存和错分样本（程序须以 --features tui 构建）；只有逐行输出；或只显示每个轮次的结果。没有终端时为逐行输出",
    ),
    (
        "Split each batch into N parts and add up their gradients: the same steps in less memory [default: 1]",
        "把每个批次分成 N 部分并累加梯度：用更少的内存走同样的步 [默认：1]",
    ),
    // Device and memory
    (
        "Where to compute: auto (a GPU if there is one that can be used, else the cpu), cpu, gpu (any GPU), cuda (NVIDIA's), metal (Apple's; PyTorch's mps), vulkan or dx12, of several gpu:N and so on, or accelerator (the cpu with memory of its own, a stand-in for a GPU) [default: the variable PLANGRAD_DEVICE, else auto]",
        "在哪里计算：auto（有可用的 GPU 就用它，否则用 cpu）、cpu、gpu（任何 GPU）、cuda（NVIDIA 的）、metal（Apple 的；PyTorch 的 mps）、vulkan 或 dx12，有多个时用 gpu:N 等，或 accelerator（带有自己内存的 cpu，用来代替 GPU）[默认：环境变量 PLANGRAD_DEVICE，否则为 auto]",
    ),
    (
        "Where to compute: cpu, cuda or cuda:N (an NVIDIA GPU), accelerator (the cpu with memory of its own, a stand-in for a GPU), or auto",
        "在哪里计算：cpu、cuda 或 cuda:N（NVIDIA GPU）、accelerator（带有自己内存的 cpu，用来代替 GPU），或 auto",
    ),
    (
        "Device to plan for: auto, cpu, cuda or cuda:N (which need not exist), or accelerator; all but the cpu have memory of their own for the dataset [default: the variable PLANGRAD_DEVICE, else auto]",
        "为哪个设备规划：auto、cpu、cuda 或 cuda:N（不必真的存在），或 accelerator；除 cpu 外都有自己的内存来放数据集 [默认：环境变量 PLANGRAD_DEVICE，否则为 auto]",
    ),
    (
        "Threads; the result does not depend on them [default: as many as help, at most one per core]",
        "线程数；不影响结果 [默认：有帮助就多用，至多每核一个]",
    ),
    (
        "Threads; accuracy after equal epochs does not depend on them [default: as many as help, at most one per core]",
        "线程数；不影响相同 epoch 数之后的准确率 [默认：有帮助就多用，至多每核一个]",
    ),
    (
        "Vectors of the cpu: avx-512, amx (tiles; faster from batches of some hundred samples on), avx2 or portable. Each has bits of its own, and a resumed run keeps to its own [default: avx-512, else avx2, else portable]",
        "cpu 的向量指令：avx-512、amx（矩阵块；批次有几百个样本时更快）、avx2 或 portable。各自的结果在位上不同，恢复的运行沿用原来的 [默认：avx-512，否则 avx2，否则 portable]",
    ),
    (
        "Memory that network, batch and everything between may take, such as 8MiB, or plain bytes [default: the free memory of the machine, less a sixteenth of its total, which is left to the system; of a GPU, less 32 MiB or a 512th]",
        "网络、批次以及其间的一切最多可以占用的内存，例如 8MiB，或直接写字节数 [默认：机器的空闲内存减去留给系统的总量的十六分之一；GPU 上减去 32 MiB 或 512 分之一]",
    ),
    (
        "If memory runs out: ladder keeps the dataset on the host, then computes activations again or splits batches into parts, then moves to the cpu; cpu moves there at once [default: ladder with --device auto, else error]",
        "内存不足时：ladder 先把数据集留在主机上，再重算激活值或把批次分成几部分，最后转到 cpu；cpu 则立即转过去 [默认：--device auto 时为 ladder，否则为 error]",
    ),
    // Run
    ("Run folder [default: runs/DATASET-TIME]", "运行目录 [默认：runs/DATASET-TIME]"),
    (
        "Settings from a file as runs write it (config.toml), or of the run in a folder; options given here win",
        "从运行写出的文件（config.toml）或目录中的运行读取设置；命令行给出的选项优先",
    ),
    ("Replace an earlier run in that folder", "替换该目录中先前的运行"),
    (
        "Resume the run in this folder, to the same bits as without the interruption; --epochs and --max-steps may be raised, and --lr and, from the next epoch on, --batch-size changed, which the run records",
        "恢复这个目录中的运行，结果与没有中断过逐位相同；可以增大 --epochs 和 --max-steps，也可以改变 --lr，以及从下一个 epoch 起的 --batch-size，运行会记录这些改动",
    ),
    (
        "Resume although the data have changed since: the epoch begins again with them, and with their statistics",
        "数据在此期间有改动也恢复：该 epoch 用新数据及其统计量重新开始",
    ),
    (
        "Steps between two checkpoints [default: one after each epoch]",
        "每隔多少步写一次检查点 [默认：每个 epoch 之后一次]",
    ),
    ("Steps between two lines of progress [default: 100]", "每隔多少步输出一行进度 [默认：100]"),
    (
        "Draw loss and accuracy over the epochs when the run is complete or interrupted: FILE.svg or FILE.png; may be given several times",
        "运行完成或中断时，画出损失和准确率随 epoch 的变化：FILE.svg 或 FILE.png；可以给出多次",
    ),
    (
        "Do not write report.html, the page with curves, confusion matrix, pictures and memory, at the end",
        "最后不写 report.html，即带有曲线、混淆矩阵、图像和内存的网页",
    ),
    (
        "Write event files for TensorBoard meanwhile, in the folder tensorboard of the run: losses, accuracies, learning rate, times, histograms of the weights, the settings; at the end mistakes as pictures",
        "同时在运行的 tensorboard 目录里为 TensorBoard 写事件文件：损失、准确率、学习率、时间、权重直方图、设置；最后还有出错样本的图像",
    ),
    // Models
    (
        "The model of the run's best epoch, which train --keep best keeps, and not of its last",
        "用运行中最好的 epoch 的模型（由 train --keep best 保存），而不是最后一个",
    ),
    (
        "Draw the confusion matrix with the figures of each class, or numbers beside their predictions: FILE.svg or FILE.png; may be given several times",
        "画出混淆矩阵和各类别的指标，或数值与预测的对照：FILE.svg 或 FILE.png；可以给出多次",
    ),
    ("Sample of the dataset, counted from 0", "数据集中的第几个样本，从 0 数起"),
    ("Any sample of the dataset", "数据集中的任意一个样本"),
    ("How many: from --index on, or all at random", "多少个：从 --index 开始，或全部随机"),
    (
        "PNG, JPEG, WebP, BMP or GIF images of any size, brought to what the model reads; folders of them; - for standard input",
        "任意大小的 PNG、JPEG、WebP、BMP 或 GIF 图像，会变换成模型读取的形式；也可以是图像目录；- 表示标准输入",
    ),
    (
        "A row of a table: the values of its columns in their order, without the label; may be given several times",
        "表格的一行：按顺序给出各列的值，不含标签；可以给出多次",
    ),
    (
        "The N samples that the model is most confident and wrong about; of a regression, those with the largest errors",
        "模型最有把握却预测错误的 N 个样本；回归则是误差最大的样本",
    ),
    (
        "Draw the pictures with label, prediction and probability (FILE.png, FILE.svg), or write a line for each row of --dataset or --values (FILE.csv, or any other name)",
        "画出图像及其标签、预测和概率（FILE.png、FILE.svg），或为 --dataset 或 --values 的每一行写一行（FILE.csv，或任何其他名称）",
    ),
    (
        "Swap dark and light of --image: MNIST and similar datasets are light on dark",
        "把 --image 的明暗对调：MNIST 之类的数据集是深底浅字",
    ),
    (
        "Place the digit of --image as MNIST's are: in a box of 20x20 pixels, its centre of mass in the middle",
        "像 MNIST 那样放置 --image 中的数字：放进 20x20 像素的框内，重心居中",
    ),
    ("Classes to list at most", "最多列出几个类别"),
    ("Makes --random repeatable", "使 --random 可以重复"),
    ("Sample to show, counted from 0", "显示第几个样本，从 0 数起"),
    ("Any sample", "任意一个样本"),
    ("Also write the image, or the grid of images, here", "同时把图像或图像网格写到这里"),
    ("Enlarge the image written by --out", "放大 --out 写出的图像"),
    (
        "Makes --random repeatable; also splits the rows of a table into its parts [default for that: 42]",
        "使 --random 可以重复；也决定表格的行怎样划分 [划分的默认值：42]",
    ),
    // Plans and fits
    (
        "Batches taken in N parts, as by `train --accumulate N`",
        "批次分成 N 部分，与 `train --accumulate N` 相同",
    ),
    ("The formula behind each figure", "每个数字背后的公式"),
    (
        "The figures of torchsummary, torchinfo, Keras and accelerate",
        "torchsummary、torchinfo、Keras 和 accelerate 给出的数字",
    ),
    (
        "How a step is shared by so many threads of the CPU: who has how much of each kernel, where they meet, and how many bytes change hands",
        "这么多 CPU 线程怎样分担一步：每个 kernel 谁算多少，在哪里会合，多少字节换手",
    ),
    (
        "What one lever after another saves: updates within products, samples read in place, recomputation, parts; for the first batch size, and with a budget the largest batch",
        "逐项加上各种办法能省多少：在矩阵乘法中更新、就地读取样本、重算、分部分；按第一个批大小计算，有预算时还给出最大批次",
    ),
    (
        "Draw how few bytes a step can take with how much arithmetic, for the first batch size: FILE.svg or FILE.png",
        "按第一个批大小，画出一步用多少运算可以少到多少字节：FILE.svg 或 FILE.png",
    ),
    (
        "Draw which buffers are alive when and where, for the first batch size: FILE.svg, FILE.png, or - for the terminal; may be given several times",
        "按第一个批大小，画出各个缓冲区何时在何处：FILE.svg、FILE.png，或 - 表示终端；可以给出多次",
    ),
    (
        "How the largest batch is found: solve takes it from the plan and proves it; double tries 16, 32, 64 and so on, as lessons do. Both end at the same size",
        "怎样找出最大的批次：solve 由规划解出再加以证明；double 像课程那样试 16、32、64……。两者结果相同",
    ),
    ("Share of the largest batch that is recommended", "建议采用最大批次的多大比例"),
    ("Try no size beyond this one", "不试超过此值的大小"),
    (
        "Let batches be larger than the dataset, whose samples are then repeated; their order counts against the budget, with 4 bytes a sample",
        "允许批次大于数据集，这时样本会重复；其顺序也计入预算，每个样本 4 字节",
    ),
    (
        "Seconds after which no further size is tried or measured; a size whose step would take longer than the time left is not tried. Reading the data and a first step, on up to 16 samples, are not limited",
        "超过这么多秒就不再尝试或测量新的大小；一步所需时间超过剩余时间的大小不会尝试。读取数据和第一步（至多 16 个样本）不受限制",
    ),
    (
        "Find and prove the largest batch with one lever after another, too: updates within products, samples read in place, recomputation",
        "再逐项加上各种办法，找出并证明最大的批次：在矩阵乘法中更新、就地读取样本、重算",
    ),
    ("Only find the largest batch, and measure no speed", "只找最大的批次，不测速度"),
    (
        "Draw time, memory and accuracy against batch size: FILE.svg or FILE.png; may be given several times",
        "画出时间、内存和准确率随批大小的变化：FILE.svg 或 FILE.png；可以给出多次",
    ),
    // Pages, exports, servers, downloads
    (
        "Where to write the page [default: report.html, in the folder of the run if it is one]",
        "网页写到哪里 [默认：report.html，只有一次运行时写在它的目录里]",
    ),
    (
        "The network with its normalisation (onnx), its weights (safetensors, npz), or the figures of each epoch (csv) [default: by the end of --out]",
        "带归一化的网络（onnx），网络的权重（safetensors、npz），或每个 epoch 的数据（csv）[默认：由 --out 的结尾决定]",
    ),
    ("Where to write", "写到哪里"),
    (
        "Port of 127.0.0.1, this machine's own address; 0 for any that is free",
        "127.0.0.1（本机自己的地址）上的端口；0 表示任意一个空闲的",
    ),
    (
        "Rows of a request that are predicted at a time; the result does not depend on it",
        "一次预测请求中的多少行；不影响结果",
    ),
    (
        "The largest body of a request, such as 8MiB; bodies and responses share eight times as much",
        "请求正文的最大长度，例如 8MiB；所有正文和响应共用它的八倍",
    ),
    (
        "Connections at a time; whoever comes then is told to try again (503)",
        "同时有多少个连接；再来的会被告知稍后再试（503）",
    ),
    (
        "How long a request may take to come, and its response to be taken",
        "一个请求最多用多久到达，响应最多用多久取走",
    ),
    ("Folder to put them into [default: data]", "放到哪个目录 [默认：data]"),
    (
        "Address of a folder with the files, to try instead of the built-in ones; may be given several times",
        "文件所在目录的地址，代替内置的地址；可以给出多次",
    ),
    // Watching and searching
    (
        "Watch a run while it goes on: in the terminal, or as a page that follows it",
        "跟踪正在进行的训练：在终端中，或以实时更新的网页",
    ),
    ("The folder of a run, whether it goes on or is complete", "训练的目录，无论训练仍在进行还是已经结束"),
    (
        "Print lines, as train does, also where the terminal could show curves",
        "像 train 那样逐行输出，即使终端能够显示曲线",
    ),
    (
        "Serve the run's report as a page that follows it, on 127.0.0.1, until Ctrl-C",
        "在 127.0.0.1 上把训练报告作为实时更新的网页提供，直到按下 Ctrl-C",
    ),
    (
        "Folder with the datasets, for samples that the model predicts meanwhile [default: that of the run]",
        "数据集所在目录，模型在此期间预测其中的样本 [默认：训练所用的目录]",
    ),
    (
        "Try learning rates, widths, batch sizes and optimizers, each a run, within a time and memory budget",
        "在时间和内存预算内尝试学习率、宽度、批大小和优化器，每次尝试都是一次训练",
    ),
    ("Search", "搜索"),
    (
        "Learning rates to draw from: a list, or LOW..HIGH, of which each power of ten is as likely as another [default, if nothing is to be tried: 1e-4..1e-1]",
        "从中抽取学习率：一个列表，或 LOW..HIGH，其中每个数量级的可能性相同 [没有指定任何要尝试的项时，默认：1e-4..1e-1]",
    ),
    (
        "Units of the hidden layers to draw from; may be given several times",
        "从中抽取隐藏层的单元数；可以给出多次",
    ),
    ("Batch sizes to draw from", "从中抽取批大小"),
    ("Optimizers to draw from", "从中抽取优化器"),
    ("How many to draw; of a small space there may be fewer", "抽取多少组设置；可选范围小时可能更少"),
    (
        "random: every trial is trained for --epochs; halving: each gets a few, and of --factor one goes on with as many times more",
        "random：每次尝试都训练 --epochs 个轮次；halving：每次先训练几个轮次，每 --factor 个中有一个继续训练相应倍数的轮次",
    ),
    (
        "Of so many trials one goes on, with --method halving",
        "使用 --method halving 时，每这么多次尝试中有一次继续",
    ),
    (
        "Seconds of training and evaluation, of all trials together, after which no epoch is begun",
        "所有尝试的训练和评估合计多少秒之后，不再开始新的轮次",
    ),
    (
        "Folder of the search, with a run folder for each trial [default: runs/search-DATASET-TIME]",
        "搜索的目录，每次尝试在其中有一个训练目录 [默认：runs/search-DATASET-TIME]",
    ),
    (
        "Go on with the search in this folder: the same trials, to the same bits",
        "继续此目录中的搜索：同样的尝试，逐位相同的结果",
    ),
    (
        "Draw what trials came to against their learning rate: FILE.svg or FILE.png; may be given several times",
        "画出各次尝试的结果与学习率的关系：FILE.svg 或 FILE.png；可以给出多次",
    ),
    (
        "Number format: f32, bf16 (on the cpu) or tf32 (on GPUs) [default: bf16 if the run in whose folder the model lies had it, else f32]",
        "数值格式：f32、bf16（在 cpu 上）或 tf32（在 GPU 上）[默认：模型所在目录的训练若用 bf16 则为 bf16，否则为 f32]",
    ),
];
