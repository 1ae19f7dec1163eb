using Edifice.Engine;
using Edifice.Engine.Ops;
using Edifice.Nn;

namespace Edifice.Attention.Checkpoints;

/// <summary>A published language model's checkpoint, open for reading: which model it is at once, its weights when asked for.</summary>
/// <remarks>Opening reads the headers alone and checks every name, shape and dtype against the layout; one error names all that
/// is wrong. What a model has that our block does not is refused, never approximated.</remarks>
/// <example><code>
/// using var checkpoint = PublishedCheckpoint.Open("gla-1.3B-100B", "fla-gla");
/// var model = checkpoint.Load();
/// foreach (var token in model.Generate([1, 415, 2936], 20)) Console.Write($"{token} ");
/// </code></example>
public sealed partial class PublishedCheckpoint : IDisposable
{
    private readonly CheckpointFiles _files;
    private readonly MappedState _state;

    private PublishedCheckpoint(CheckpointFiles files, PublishedLayout layout, PublishedModel model, IReadOnlyList<LayoutEntry> entries)
    {
        (_files, Layout, Model) = (files, layout, model);
        _state = new MappedState(files, entries);
    }

    /// <summary>The layout it was opened with.</summary>
    public PublishedLayout Layout { get; }

    /// <summary>The model: the block's options and what stands around it.</summary>
    public PublishedModel Model { get; }

    /// <summary>Opens a checkpoint.</summary>
    /// <param name="path">A .safetensors file, or a folder: all of its .safetensors files, and its config.json unless
    /// <paramref name="config"/> is given.</param>
    /// <param name="layout">The layout's name, one of <see cref="PublishedLayouts.All"/>.</param>
    /// <param name="config">The model's configuration as published, as JSON; null: that of the folder, or none. Where shapes tell
    /// everything none is needed.</param>
    /// <exception cref="CheckpointException">The tensors are not those of the layout (missing, unknown, of another shape, unreadable),
    /// or the model is one that the block cannot be.</exception>
    /// <exception cref="TensorException">No such layout, a config that is no JSON object, or a broken file.</exception>
    public static PublishedCheckpoint Open(string path, string layout, string? config = null)
    {
        var found = PublishedLayouts.Find(layout);
        var files = CheckpointFiles.Open(path);
        try
        {
            var options = OptionBag.Parse(config ?? files.Config ?? "{}");
            var (model, entries) = CheckpointCheck.Run(files, found, options);
            return new PublishedCheckpoint(files, found, model, entries);
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>Builds the model and reads its weights, one tensor at a time. It is in evaluation mode.</summary>
    /// <param name="parameters">Dtype and device; null: float32 on the CPU.</param>
    public LanguageModel Load(ParameterOptions? parameters = null)
    {
        var model = Model.Build((parameters ?? ParameterOptions.Default) with { SkipInit = true });
        model.LoadState($"Load {_files.Path}", _state, strict: true, sameDType: false);
        model.Eval();
        return model;
    }

    /// <summary>All weights under our names, as <see cref="Module.LoadStateDict"/> of a <see cref="LanguageModel"/> takes them; those
    /// of the block begin with <c>block.</c>.</summary>
    /// <param name="dtype">Their element type.</param>
    public IReadOnlyDictionary<string, Tensor> StateDict(DType dtype = DType.Float32)
    {
        using var off = Tensor.NoGrad();
        var state = new OrderedDictionary<string, Tensor>();
        foreach (var name in _state.Names) state.Add(name, _state.Read(name).To(dtype));
        return state;
    }

    /// <summary>Closes the files. Models loaded from them stay.</summary>
    public void Dispose() => _files.Dispose();
}
