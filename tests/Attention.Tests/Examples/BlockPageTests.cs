using System.Runtime.CompilerServices;
using Edifice.Engine;

namespace Edifice.Attention.Tests.Examples;

/// <summary>The examples of docs/blocks, compiled and run; each page must show exactly the lines that stand here.</summary>
public class BlockPageTests
{
    [Fact]
    public void Page_multihead()
    {
        var block = Blocks.Build("multihead", """{"embed_dim": 32, "hidden_size": 64, "num_heads": 4, "position": "rope"}""");
        var x = Tensor.Randn([2, 10, 32]);
        var last = block.Forward(x);
        block.Eval();
        var state = block.InitialState(batch: 2);
        var step = block.Step(x.Select(1, 0), state);
        Console.WriteLine($"{last.Shape} {step.Shape}");
        Check("multihead");
    }

    [Fact]
    public void Page_gqa()
    {
        var block = Blocks.Build(new GqaOptions { EmbedDim = 32, HiddenSize = 64, NumHeads = 8, NumKvHeads = 2, Rope = true });
        block.Eval();
        using var off = Tensor.NoGrad();
        var state = block.InitialState(batch: 1);
        var prompt = block.Prefill(Tensor.Randn([1, 12, 32]), state);
        var next = block.Step(Tensor.Randn([1, 32]), state);
        Console.WriteLine($"{prompt.Shape} {next.Shape}");
        Check("gqa");
    }

    [Fact]
    public void Page_perceiver()
    {
        var block = Blocks.Build("perceiver", """{"embed_dim": 6, "hidden_size": 32, "num_latents": 8, "num_layers": 2}""");
        var x = Tensor.Randn([2, 50, 6]);
        var real = Tensor.Arange(50).Unsqueeze(0).Expand(2, 50) < 40;
        var pooled = block.Forward(x, new SequenceInputs { KeyMask = real });
        var latents = block.ForwardSequence(x);
        Console.WriteLine($"{pooled.Shape} {latents.Shape}");
        Check("perceiver");
    }

    [Fact]
    public void Page_fnet()
    {
        var block = Blocks.Build(new FNetOptions { EmbedDim = 16, HiddenSize = 32, NumLayers = 2 });
        var x = Tensor.Randn([4, 21, 16]);
        var pooled = block.Forward(x);
        pooled.Square().Mean().Backward();
        Console.WriteLine($"{pooled.Shape} {block.CanStream} {block.StreamingObstacle}");
        Check("fnet");
    }

    [Fact]
    public void Page_linear_transformer()
    {
        var block = Blocks.Build("linear_transformer", """{"embed_dim": 16, "hidden_size": 32, "num_layers": 2}""");
        block.Eval();
        var state = block.InitialState(batch: 1);
        for (var t = 0; t < 5; t++) block.Step(Tensor.Randn([1, 16]), state);
        using var copy = state.Clone();
        Console.WriteLine($"{copy.Time} {string.Join(' ', copy.Tensors().Keys)}");
        Check("linear_transformer");
    }

    [Fact]
    public void Page_nystromformer()
    {
        var block = Blocks.Build("nystromformer", """{"embed_dim": 16, "hidden_size": 32, "num_layers": 1, "num_landmarks": 8, "conv_kernel": 5}""");
        var x = Tensor.Randn([2, 40, 16]);
        var hidden = block.ForwardSequence(x);
        var pooled = block.Forward(x);
        hidden.Sum().Backward();
        Console.WriteLine($"{hidden.Shape} {pooled.Shape}");
        Check("nystromformer");
    }

    [Fact]
    public void Page_performer()
    {
        var block = Blocks.Build(new PerformerOptions { EmbedDim = 16, HiddenSize = 32, NumLayers = 2, NumFeatures = 24 });
        var hidden = block.ForwardSequence(Tensor.Randn([2, 30, 16]));
        block.Eval();
        var state = block.InitialState(batch: 2);
        var step = block.Step(Tensor.Randn([2, 16]), state);
        Console.WriteLine($"{hidden.Shape} {step.Shape}");
        Check("performer");
    }

    [Fact]
    public void Page_retnet()
    {
        var block = Blocks.Build("retnet", """{"embed_dim": 16, "hidden_size": 32, "num_layers": 2, "mode": "recurrent"}""");
        var x = Tensor.Randn([1, 20, 16]);
        block.Eval();
        var whole = block.ForwardSequence(x);
        var pieces = block.Prefill(x, block.InitialState(batch: 1));
        Console.WriteLine((whole - pieces).Abs().Max().Item() < 1e-4);
        Check("retnet");
    }

    [Fact]
    public void Page_rwkv()
    {
        var block = Blocks.Build("rwkv", """{"embed_dim": 16, "hidden_size": 32, "num_layers": 2, "head_size": 16}""");
        block.Eval();
        var state = block.InitialState(batch: 2);
        var prompt = block.Prefill(Tensor.Randn([2, 9, 16]), state);
        state.Reset(row: 1);
        Console.WriteLine($"{prompt.Shape} {string.Join(' ', state.Positions)}");
        Check("rwkv");
    }

    [Fact]
    public void Page_gla()
    {
        var block = Blocks.Build(new GlaOptions { EmbedDim = 16, HiddenSize = 32, NumLayers = 2, FfnInnerSize = 48, Mode = RecurrenceMode.Recurrent });
        var x = Tensor.Randn([2, 25, 16]).RequiresGrad();
        var last = block.Forward(x);
        last.Square().Sum().Backward();
        block.Eval();
        Console.WriteLine($"{last.Shape} {x.Grad!.Shape} {block.CanStream}");
        Check("gla");
    }

    [Fact]
    public void Page_hgrn()
    {
        var block = Blocks.Build("hgrn", """{"embed_dim": 16, "hidden_size": 32, "num_layers": 3, "state_expansion": 8, "ffn_inner_size": 48}""");
        block.Eval();
        using var off = Tensor.NoGrad();
        var state = block.InitialState(batch: 1);
        for (var t = 0; t < 3; t++) block.Step(Tensor.Randn([1, 16]), state);
        Console.WriteLine($"{state.Time} {state.Tensors()["layers.0.mixer.s"].Shape}");
        Check("hgrn");
    }

    [Fact]
    public void Page_griffin()
    {
        var block = Blocks.Build("griffin", """{"embed_dim": 16, "hidden_size": 32, "num_layers": 3, "num_heads": 2, "local_attn_window": 8}""");
        var x = Tensor.Randn([1, 12, 16]);
        var documents = Tensor.Arange(12).Unsqueeze(0).EqualTo(5);
        var hidden = block.ForwardSequence(x, new SequenceInputs { Reset = documents });
        var hawk = Blocks.Build("hawk", """{"embed_dim": 16, "hidden_size": 32, "num_layers": 2}""");
        Console.WriteLine($"{hidden.Shape} {hawk.Forward(x).Shape}");
        Check("griffin");
    }

    [Fact]
    public void Every_block_of_the_registry_has_a_page()
    {
        foreach (var block in Blocks.All)
            Assert.True(File.Exists(PageOf(block.Name == "hawk" ? "griffin" : block.Name)), block.Name);
    }

    private static string PageOf(string block) => RepositoryFiles.At("docs", "blocks", $"{block}.md");

    private static void Check(string block, [CallerFilePath] string here = "") => PageExample.Check(PageOf(block), $"void Page_{block}()", here);
}
