using System.Runtime.InteropServices;
using Edifice.Attention;
using Edifice.Engine;

namespace Edifice.C;

internal static unsafe partial class Exports
{
    /// <summary><c>edifice_option</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct OptionText
    {
        public byte* Name, Description, Values, Value;
    }

    /// <summary><c>edifice_model_info</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ModelInfo
    {
        public int Vocabulary, HiddenSize, Streams, Reserved;
        public long Parameters;
    }

    [UnmanagedCallersOnly(EntryPoint = "edifice_options_open")]
    public static Status OptionsOpen(byte* folder, nint* options) => LastError.Guard(() =>
    {
        Buffers.NotNull(options, "options");
        *options = 0;
        var (block, values) = TextModel.Describe(Folder(folder));
        *options = Handles.Add(new ModelOptions(block, values));
    }, Status.BadFile);

    [UnmanagedCallersOnly(EntryPoint = "edifice_options_count")]
    public static Status OptionsCount(nint options, int* count) => LastError.Guard(() =>
    {
        using var taken = new Taken<ModelOptions>(options);
        Buffers.NotNull(count, "count");
        *count = taken.Value.Rows.Count;
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_options_get")]
    public static Status OptionsGet(nint options, int index, OptionText* option) => LastError.Guard(() =>
    {
        using var taken = new Taken<ModelOptions>(options);
        Buffers.NotNull(option, "option");
        Buffers.InRange("index", index, 0, taken.Value.Rows.Count - 1);
        var row = taken.Value.Rows[index];
        var of = taken.Value;
        *option = new OptionText { Name = of.Text(row.Name), Description = of.Text(row.Description), Values = of.Text(row.Values), Value = of.Text(of.Value(row)) };
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_options_set")]
    public static Status OptionsSet(nint options, byte* name, byte* value) => LastError.Guard(() =>
    {
        using var taken = new Taken<ModelOptions>(options);
        taken.Value.Set(CString.Read(name, "name"), CString.Read(value, "value"));
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_options_free")]
    public static Status OptionsFree(nint options) => LastError.Guard(() =>
    {
        Handles.Remove<ModelOptions>(options).Dispose();
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_model_load")]
    public static Status ModelLoad(byte* folder, nint options, nint* model) => LastError.Guard(() =>
    {
        Buffers.NotNull(model, "model");
        *model = 0;
        var path = Folder(folder);
        if (options == 0)
        {
            *model = Handles.Add(TextModel.Load(path));
        }
        else
        {
            using var taken = new Taken<ModelOptions>(options);
            *model = Handles.Add(TextModel.Load(path, taken.Value.Options));
        }
    }, options == 0 ? Status.BadFile : Status.BadOption);

    [UnmanagedCallersOnly(EntryPoint = "edifice_model_get_info")]
    public static Status ModelGetInfo(nint model, ModelInfo* info) => LastError.Guard(() =>
    {
        var of = Handles.Get<LanguageModel>(model);
        Buffers.NotNull(info, "info");
        *info = new ModelInfo
        {
            Vocabulary = of.Vocabulary, HiddenSize = of.Block.HiddenSize, Streams = of.Block.CanStream ? 1 : 0, Parameters = of.ParameterCount,
        };
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_forward")]
    public static Status Forward(nint model, int* tokens, int batch, int length, int what, float* output, nuint outputLength) => LastError.Guard(() =>
    {
        var of = Handles.Get<LanguageModel>(model);
        Buffers.InRange("batch", batch, 1, int.MaxValue);
        using var off = Tensor.NoGrad();
        using var scope = Tensor.Scope();
        var width = Width(of, what);
        var given = Buffers.Tokens(tokens, batch, length, of.Vocabulary);
        Buffers.Output(output, outputLength, checked((long)batch * length * width));
        Buffers.Copy(what == Hidden ? of.Hidden(given) : of.Logits(given), output);
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_model_free")]
    public static Status ModelFree(nint model) => LastError.Guard(() =>
    {
        Handles.Remove<LanguageModel>(model);
    });

    private const int Logits = 0, Hidden = 1;

    /// <summary>How many floats a position has.</summary>
    private static int Width(LanguageModel model, int what)
    {
        Buffers.InRange("what", what, Logits, Hidden);
        return what == Hidden ? model.Block.HiddenSize : model.Vocabulary;
    }

    /// <summary>The path of a folder that is there.</summary>
    private static string Folder(byte* folder)
    {
        var path = CString.Read(folder, "folder");
        if (!File.Exists(Path.Combine(path, TextModel.ConfigName)))
            throw new CallException(Status.NotFound, $"'{path}' has no {TextModel.ConfigName}: is it the --out folder of a training run?");
        return path;
    }
}
